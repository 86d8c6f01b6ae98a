//! Why the gate serves no content.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::json;
use tracing::Span;

use crate::http::{ReasonPhrase, reason_phrase};
use crate::memory::HeapSize;
use crate::oci::RegistryErrorCode;
use crate::trust::{DecisionId, Denial, denial_message};
use crate::upstream::UpstreamError;

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
    /// Tags mean what was promoted, and nothing was under this one.
    TagNotPromoted(Arc<Denial>),
    /// The range lies outside of a blob of this many bytes.
    RangeNotSatisfiable(u64),
    /// The upstream was asked, or could not be.
    UpstreamFailed(UpstreamError),
    /// The gateway itself is late, and will not be next time. The text is for the log.
    Delayed(String),
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

    /// Whether it says that something is not there at all.
    pub(super) fn is_absence(&self) -> bool {
        match self {
            Self::NameUnknown
            | Self::ManifestUnknown
            | Self::BlobUnknown
            | Self::TagNotPromoted(_) => true,
            Self::Denied(_)
            | Self::Undecidable(_)
            | Self::RangeNotSatisfiable(_)
            | Self::UpstreamFailed(_)
            | Self::Delayed(_) => false,
        }
    }

    /// What a trace says of it.
    pub(super) fn note_in(&self, span: &Span) {
        let outcome = match self {
            Self::Denied(answer) | Self::Undecidable(answer) => {
                span.record("denial.reason", answer.denial.reason.code());
                span.record("decision.id", tracing::field::display(&answer.id));
                "denied"
            }
            Self::NameUnknown
            | Self::ManifestUnknown
            | Self::BlobUnknown
            | Self::TagNotPromoted(_) => "unknown",
            Self::RangeNotSatisfiable(_) => "range-not-satisfiable",
            Self::UpstreamFailed(_) => "upstream-failed",
            Self::Delayed(_) => "delayed",
        };
        span.record("outcome", outcome);
    }

    pub(super) fn later(why: &str) -> Self {
        Self::Delayed(why.to_owned())
    }
}

impl From<UpstreamError> for Refusal {
    /// Callers handle `NotFound` themselves, since they know what was asked for.
    fn from(error: UpstreamError) -> Self {
        Self::UpstreamFailed(error)
    }
}

/// The answer to a denied pull: made once, served many times.
#[derive(Debug)]
pub struct DenialAnswer {
    denial: Denial,
    id: DecisionId,
    message: String,
    body: Bytes,
    /// For the status line, if the message or the code fits there.
    phrase: Option<ReasonPhrase>,
}

impl HeapSize for DenialAnswer {
    fn heap_size(&self) -> usize {
        let texts = self.message.heap_size() + self.body.heap_size();
        let phrase = self.phrase.as_ref().map_or(0, |it| it.as_bytes().len());
        texts + phrase + self.denial.heap_size() + self.id.heap_size()
    }
}

impl DenialAnswer {
    /// `public_url` leads to the page of one decision; empty when there is none.
    pub fn new(denial: Denial, id: DecisionId, public_url: &str) -> Self {
        let link = if public_url.is_empty() {
            String::new()
        } else {
            format!("{}/d/{id}", public_url.trim_end_matches('/'))
        };
        let message = denial_message(&denial, &link);
        let detail = match link.as_str() {
            "" => format!("decision {id}"),
            link => format!("decision {id}: {link}"),
        };
        let body = json!({"errors": [{
            "code": RegistryErrorCode::Denied.as_str(),
            "message": message,
            "detail": detail,
        }]});
        Self {
            body: Bytes::from(body.to_string()),
            phrase: reason_phrase(&message, denial.reason.code()),
            denial,
            id,
            message,
        }
    }

    pub fn denial(&self) -> &Denial {
        &self.denial
    }

    pub fn id(&self) -> &DecisionId {
        &self.id
    }

    /// One line of printable ASCII: the reason phrase and the message.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The reason phrase: older clients print the status line only.
    pub fn phrase(&self) -> Option<&ReasonPhrase> {
        self.phrase.as_ref()
    }

    /// The error document of the distribution specification.
    pub fn body(&self) -> &Bytes {
        &self.body
    }
}
