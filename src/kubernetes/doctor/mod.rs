//! What is wrong in a Kubernetes cluster that sends its Pods to Sekisho.
//!
//! Pure: a [`Snapshot`] of what the API server holds, as it wrote it, goes in; every
//! finding has its next step. What could not be read is a finding too, never a silent
//! pass.

mod certificates;
mod dry_run;
mod endpoints;
mod expected;
mod exposed_pods;
mod images;
mod judge;
mod listed;
mod namespaces;
mod narrowed;
mod other_webhooks;
mod own_webhooks;
mod pod;
mod policies;
mod replicas;
mod rights;
mod selector;
mod snapshot;
#[cfg(test)]
mod tests;
mod timeouts;
mod webhook;

pub use expected::{ExpectedCluster, LenientNamespaces, PrintedObjects};
pub use images::{ImageAnswer, RunningImage, judge_images, questions};
pub use judge::judge;
pub use snapshot::{DryRun, ExposedPod, ObjectList, Snapshot, WebhookProbe};
