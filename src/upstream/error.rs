//! Errors of calls to an upstream.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use crate::oci::Digest;

/// Why a call to an upstream failed. Cloneable, since callers that wait for
/// one flight share its outcome.
///
/// No text of the upstream's is in it, only host names and our own words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UpstreamError {
    /// It has no such repository, manifest or blob.
    #[error("the upstream does not have it")]
    NotFound,
    /// It, or its token server, wants other credentials than we have.
    #[error("the upstream wants other credentials")]
    Unauthorized,
    #[error("the upstream forbids it")]
    Forbidden,
    /// Retried without success.
    #[error("the upstream limits our rate")]
    RateLimited { retry_after: Option<Duration> },
    /// It could not be reached, failed, or is left alone after failures.
    #[error("the upstream is unavailable: {detail}")]
    Unavailable {
        retry_after: Option<Duration>,
        detail: Cow<'static, str>,
    },
    /// It sent us to a host where nothing of ours may go.
    #[error("the upstream leads to {host}, which {why}")]
    RefusedHost { host: Arc<str>, why: HostRefusal },
    #[error("the upstream sends more than {limit} bytes")]
    TooLarge { limit: u64 },
    #[error("the upstream sends {actual} for {expected}")]
    DigestMismatch { expected: Digest, actual: Digest },
    /// A status that is neither a good answer nor one of the others.
    #[error("the upstream answers {0}")]
    UnexpectedStatus(u16),
    /// It broke the distribution specification.
    #[error("the upstream breaks the protocol: {0}")]
    Protocol(Cow<'static, str>),
}

/// Why a realm or a redirect was not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostRefusal {
    #[error("is neither its own host nor listed")]
    NotListed,
    #[error("is not reached by https")]
    Downgrade,
    #[error("lies at a private address and is not listed")]
    PrivateAddress,
    #[error("carries credentials in its address")]
    UserInfo,
}

impl UpstreamError {
    pub(super) fn protocol(what: impl Into<Cow<'static, str>>) -> Self {
        Self::Protocol(what.into())
    }

    pub(super) fn unavailable(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::Unavailable {
            retry_after: None,
            detail: detail.into(),
        }
    }

    /// Whether an answer to HEAD says nothing of GET: some registries and the proxies
    /// before them know GET alone.
    pub(super) fn may_be_of_head(&self) -> bool {
        matches!(self, Self::Forbidden | Self::UnexpectedStatus(_))
    }

    /// Whether the same call may succeed a little later.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::RateLimited { .. } | Self::Unavailable { .. })
    }

    /// When the upstream wants to be asked again, if it said so.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after } | Self::Unavailable { retry_after, .. } => {
                *retry_after
            }
            _ => None,
        }
    }
}
