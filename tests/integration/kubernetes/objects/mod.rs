//! What is applied to a cluster, on real API servers.

mod drill;
mod names;
mod parts;
mod running;
mod site;
mod updates;
