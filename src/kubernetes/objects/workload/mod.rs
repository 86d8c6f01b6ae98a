//! What runs the program in the cluster.

mod deployment;
mod paths;
mod replicas;
mod rights;
mod service;
mod storage;

pub(super) use deployment::{deployment, disruption};
pub use paths::{mount_problem, plain_path};
pub(super) use rights::rights;
pub(super) use service::service;
pub(super) use storage::{claim, config, namespace};
