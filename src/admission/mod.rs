//! Door: the Kubernetes admission webhooks.
//!
//! `mutate` sends every image of a Pod through the gateway: it replaces names in
//! the raw object, waits for nothing but an optional digest, and is never withheld.
//! `validate` asks the gate what a pull of each image would be told, so that people
//! hear of a denial when they create a Pod. Neither is what enforces: that is the
//! gateway.

mod answer;
mod cluster;
mod deadline;
mod door;
mod images;
mod kind;
mod mutate;
mod pod;
mod response;
mod review;
mod review_call;
mod running;
#[cfg(test)]
mod tests;
mod uid;
mod validate;
mod webhook;

pub use cluster::{Callbacks, Cluster, NamespaceRule, Nodes, OnDenied, ReachedBy};
pub use door::Webhook;
pub use running::Standing;
