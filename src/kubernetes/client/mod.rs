//! Client of the Kubernetes API of one cluster, and the only room that speaks it.
//!
//! [`ExposureWatcher`] follows what leads from outside to Pods, so that admission knows
//! an exposed Pod from memory. [`WebhookReconciler`] puts the webhook configurations in
//! force once the webhook has answered, and repairs them. [`DenialEvents`] writes events
//! for the owners of denied Pods. None of them is needed for a verdict: without the API,
//! exposure stays as configured, and no more is known.

mod connection;
mod denial_events;
mod drift;
mod error;
mod event_aggregator;
mod exposure_watcher;
mod probe;
mod secret;
mod snapshot;
#[cfg(test)]
mod tests;
mod watch;
mod watched_kind;
mod watched_object;
mod watched_spec;
mod webhook_reconciler;

pub use connection::KubernetesClient;
pub use denial_events::DenialEvents;
pub use error::ClusterError;
pub use event_aggregator::DeniedPod;
pub use exposure_watcher::{ExposureWatcher, WatchState};
#[cfg(test)]
pub(crate) use secret::tests::FakeSecret;
pub use secret::{SecretError, SharedSecret};
pub use snapshot::SnapshotScope;
pub use watch::follow_cluster;
pub use webhook_reconciler::{ReconcileOutcome, ReconciledWebhook, WebhookReconciler};
