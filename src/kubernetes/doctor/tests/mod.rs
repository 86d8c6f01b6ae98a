//! A healthy cluster, and everything that can be wrong with it.

mod certificates;
mod cluster;
mod images;
mod namespaces;
mod narrowed;
mod other_webhooks;
mod replicas;
mod webhooks;
mod whole;
