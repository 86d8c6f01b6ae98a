//! A healthy cluster, and everything that can be wrong with it.

mod certificates;
mod cluster;
mod images;
mod neighbours;
mod spaces;
mod webhooks;
mod whole;
