//! What is applied to a cluster, on real API servers.

mod agents;
mod drill;
mod names;
mod parts;
pub mod program;
mod running;
mod site;
mod updates;
