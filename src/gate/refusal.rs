//! Everything a door may hear instead of content.

use std::sync::Arc;
use std::time::Duration;

use super::DenialAnswer;

/// Why nothing is served. Each door turns it into an answer in one exhaustive
/// match.
#[derive(Clone, Debug)]
pub enum Refusal {
    /// Policy says no; the answer is ready.
    Denied(Arc<DenialAnswer>),
    /// We cannot decide now; the same answer as a 503.
    Undecidable(Arc<DenialAnswer>),
    /// The upstream has no such repository.
    NameUnknown,
    ManifestUnknown,
    BlobUnknown,
    /// The range lies outside of a blob of this many bytes.
    RangeNotSatisfiable(u64),
    /// The upstream cannot answer now. The text is for the log.
    UpstreamUnavailable {
        retry_after: Duration,
        why: String,
    },
}

impl Refusal {
    /// No answer came in the time that a client waits for one.
    pub fn too_slow() -> Self {
        Self::later("too slow")
    }

    /// A verdict ran out between judging and serving.
    pub(super) fn judged_too_late() -> Self {
        Self::later("the verdict ran out")
    }

    pub(super) fn later(why: &str) -> Self {
        Self::UpstreamUnavailable {
            retry_after: Duration::from_secs(1),
            why: why.to_owned(),
        }
    }
}
