//! Client of the Kubernetes API of one cluster, and the only room that speaks it.
//!
//! [`Knowledge`] follows what leads from outside to Pods, so that admission knows
//! an exposed Pod without asking anybody. [`Arming`] puts the webhook configurations
//! in force once the webhook has answered, and keeps them whole. [`Denials`] tells
//! the owner of a denied Pod by an event. None of them is needed for a verdict:
//! without the API, exposure stays as configured, and no more is known.

mod arming;
mod cluster;
mod denials;
mod drift;
mod error;
mod followed;
mod knowledge;
mod probe;
mod secret;
mod seen;
mod snapshot;
mod tally;
#[cfg(test)]
mod tests;
mod watch;
mod watched;

pub use arming::{Armed, Arming, Outcome};
pub use cluster::Cluster;
pub use denials::Denials;
pub use error::ClusterError;
pub use knowledge::{Knowledge, WatchState};
#[cfg(test)]
pub(crate) use secret::tests::Shelf;
pub use secret::{OneSecret, SecretError};
pub use snapshot::Look;
pub use tally::DeniedPod;
pub use watch::follow_cluster;
