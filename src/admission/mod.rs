//! Door: the Kubernetes admission webhooks.
//!
//! `mutate` sends every image of a Pod through the gateway: it replaces names in the raw
//! object, waits for nothing but an optional digest, and is never withheld. `validate`
//! asks the gate for the verdict that a pull of each image would get, so that people
//! learn of a denial when they create a Pod. Neither enforces: the gateway does.

mod answer;
mod beginning;
mod cluster;
mod deadline;
mod door;
mod essence;
mod images;
mod mutate;
mod pod;
mod review;
mod review_call;
mod room;
mod running_pods;
#[cfg(test)]
mod tests;
mod validate;
mod webhook;

pub use cluster::{
    ClusterCallbacks, ClusterPolicy, NamespacePolicy, NodeRouting, OnDenied, ReachedBy,
};
pub use door::Webhook;
pub use running_pods::RunningPodVerdict;
