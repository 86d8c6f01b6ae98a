//! What runs the program in the cluster.

mod deployment;
mod replicas;
mod rights;
mod service;
mod storage;

pub(super) use deployment::{deployment, disruption};
pub(super) use rights::rights;
pub(super) use service::service;
pub(super) use storage::{claim, config, namespace};
