//! What is wrong in a Kubernetes cluster that sends its Pods to Sekisho.
//!
//! Pure: a [`Snapshot`] of what the API server holds, as it wrote it, goes in; every
//! finding has its next step. What could not be read is a finding too, never a silent
//! pass.

mod certificates;
mod endpoints;
mod exempt;
mod expected;
mod hook;
mod images;
mod judge;
mod listed;
mod neighbours;
mod own;
mod pod;
mod policies;
mod reached;
mod rights;
mod selector;
mod snapshot;
#[cfg(test)]
mod tests;
mod timeouts;
mod trial;

pub use expected::{Expected, Lax};
pub use images::{Answer, Question, judge_images, questions};
pub use judge::judge;
pub use snapshot::{Answered, Listed, Reached, Snapshot, Trial};
