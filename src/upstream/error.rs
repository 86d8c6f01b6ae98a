//! Errors of calls to an upstream.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use crate::memory::HeapSize;
use crate::metrics::UpstreamCause;
use crate::oci::Digest;

use super::TlsFault;

/// Why a call to an upstream failed. Cloneable, since callers that wait for
/// one flight share its outcome.
///
/// No text of the upstream's is in it, only host names and our own words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UpstreamError {
    /// It has no such repository, manifest or blob.
    #[error("the upstream registry does not have it")]
    NotFound,
    /// It, or its token server, wants other credentials than we have. Some registries
    /// say so of a repository that they do not have, too.
    #[error("the upstream registry refuses our credentials, or has no such repository")]
    Unauthorized,
    #[error("the upstream registry forbids it to our credentials")]
    Forbidden,
    /// Retried without success.
    #[error("the upstream registry limits our rate{}", asked_again(.retry_after))]
    RateLimited { retry_after: Option<Duration> },
    /// It could not be reached, failed, or is left alone after failures.
    #[error("the upstream registry is unavailable: {detail}")]
    Unavailable {
        /// What the outage is: one of those that [`UpstreamCause`] knows.
        cause: UpstreamCause,
        retry_after: Option<Duration>,
        detail: Cow<'static, str>,
    },
    /// No TLS came about with it.
    #[error("the upstream registry is unavailable: {0}")]
    Tls(TlsFault),
    /// It sent us to a host where nothing of ours may go.
    #[error("the upstream registry leads to {host}, which {why}")]
    RefusedHost { host: Arc<str>, why: HostRefusal },
    #[error("the upstream registry sends more than {limit} bytes")]
    TooLarge { limit: u64 },
    #[error("the upstream registry sends {actual} for {expected}")]
    DigestMismatch { expected: Digest, actual: Digest },
    /// A status that is neither a good answer nor one of the others.
    #[error("the upstream registry's answer cannot be used: it answers {0}")]
    UnexpectedStatus(u16),
    #[error("the upstream registry sends {actual} bytes where {expected} were announced")]
    LengthMismatch { expected: u64, actual: u64 },
    /// It broke the distribution specification.
    #[error("the upstream registry's answer cannot be used: {0}")]
    Protocol(Cow<'static, str>),
}

/// The end of a next step, for whoever does not look at the status yet.
const SEE_STATUS: &str = "; sekisho status shows the upstream";

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

impl HeapSize for UpstreamError {
    fn heap_size(&self) -> usize {
        self.to_string().len()
    }
}

impl UpstreamError {
    pub(super) fn protocol(what: impl Into<Cow<'static, str>>) -> Self {
        Self::Protocol(what.into())
    }

    pub(super) fn unavailable(cause: UpstreamCause, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::Unavailable {
            cause,
            retry_after: None,
            detail: detail.into(),
        }
    }

    /// Whether an answer to HEAD says nothing of GET: some registries and the proxies
    /// before them know GET alone, and say so by 405 as by 500.
    pub(super) fn may_be_of_head(&self) -> bool {
        matches!(self, Self::Forbidden | Self::UnexpectedStatus(_))
    }

    /// Whether an answer says of a range that it does not send it: the whole may be had.
    pub(super) fn is_of_range(&self) -> bool {
        matches!(self, Self::UnexpectedStatus(416))
    }

    /// It began to send, and then nothing came for so many seconds.
    pub fn stalled(seconds: u64) -> Self {
        let detail = format!("it sent nothing for {seconds} seconds");
        Self::unavailable(UpstreamCause::TimedOut, detail)
    }

    /// What it is, in the words of metrics and the status; `None`: an absence, which
    /// is no failure.
    pub fn cause(&self) -> Option<UpstreamCause> {
        Some(match self {
            Self::NotFound => return None,
            Self::Unauthorized => UpstreamCause::RefusedCredentials,
            Self::Forbidden => UpstreamCause::Forbidden,
            Self::RateLimited { .. } => UpstreamCause::RateLimited,
            Self::Unavailable { cause, .. } => *cause,
            Self::Tls(_) => UpstreamCause::Tls,
            Self::RefusedHost { .. } => UpstreamCause::RefusedHost,
            Self::TooLarge { .. } => UpstreamCause::TooLarge,
            Self::DigestMismatch { .. } | Self::LengthMismatch { .. } => UpstreamCause::WrongBytes,
            Self::UnexpectedStatus(_) | Self::Protocol(_) => UpstreamCause::UnreadableAnswer,
        })
    }

    /// Whether it is an outage: the upstream could not say. The same call may succeed a
    /// little later.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::RateLimited { .. } | Self::Unavailable { .. } | Self::Tls(_)
        )
    }

    /// Whether it passes without anybody's doing.
    pub fn heals(&self) -> bool {
        let lasts = [
            UpstreamCause::Tls,
            UpstreamCause::NoCredentials,
            UpstreamCause::Proxy,
        ];
        self.is_transient() && self.cause().is_none_or(|cause| !lasts.contains(&cause))
    }

    /// The failure in one line for a client: shorter than for the log.
    pub fn summary(&self) -> String {
        match self {
            Self::DigestMismatch { .. } | Self::LengthMismatch { .. } => {
                "the upstream registry sends other bytes than were asked for".to_owned()
            }
            other => other.to_string(),
        }
    }

    /// The same, for somebody who looks at the status already.
    pub fn next_step_at_status(&self) -> &'static str {
        let step = self.next_step();
        step.strip_suffix(SEE_STATUS).unwrap_or(step)
    }

    /// What becomes of it, or who has to do what.
    pub fn next_step(&self) -> &'static str {
        match self {
            Self::RefusedHost { why, .. } if *why == HostRefusal::NotListed => {
                "the operator has to list it, in redirect_hosts or token_hosts"
            }
            Self::Unauthorized | Self::Forbidden => {
                "the name may be wrong, or the operator has to give other credentials"
            }
            error if error.heals() => "retried automatically",
            Self::Unavailable { cause, .. } if *cause == UpstreamCause::NoCredentials => {
                "the operator has to mend credentials; the log has what the command said"
            }
            Self::Unavailable { cause, .. } if *cause == UpstreamCause::Proxy => {
                "the operator has to mend proxy, or the proxy"
            }
            Self::Tls(fault) => fault.next_step(),
            _ => "the operator has to look into it; sekisho status shows the upstream",
        }
    }

    /// How long a failure is remembered that may be over soon.
    pub(super) const FAILURE_TTL: Duration = Duration::from_secs(2);
    /// The same where the upstream's content is at fault, and stays so.
    const REFUSAL_TTL: Duration = Duration::from_secs(10);

    /// How long the same question is not asked again, `tag_ttl` permitting.
    pub fn remembered_for(&self) -> Duration {
        match self {
            Self::Unauthorized | Self::Forbidden => Self::FAILURE_TTL,
            error if error.is_transient() => Self::FAILURE_TTL,
            _ => Self::REFUSAL_TTL,
        }
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

fn asked_again(after: &Option<Duration>) -> String {
    match after {
        Some(after) => format!(" for {} s", after.as_secs().max(1)),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_heals_by_itself_says_so() {
        let tls = UpstreamError::Tls(TlsFault::UnknownAuthority);
        let host = UpstreamError::RefusedHost {
            host: "cdn.test".into(),
            why: HostRefusal::NotListed,
        };
        let digest = Digest::sha256(b"x");
        let bytes = UpstreamError::DigestMismatch {
            expected: digest.clone(),
            actual: digest,
        };
        for error in [
            UpstreamError::Unauthorized,
            UpstreamError::Forbidden,
            UpstreamError::TooLarge { limit: 1 },
            UpstreamError::protocol("it answers 400"),
            tls,
            host,
            bytes,
        ] {
            assert!(!error.next_step().contains("retried"), "{error}");
            assert!(error.summary().len() < 120, "{error}");
        }
        for error in [
            UpstreamError::RateLimited { retry_after: None },
            UpstreamError::unavailable(UpstreamCause::TimedOut, "no answer in time"),
            UpstreamError::unavailable(UpstreamCause::ServerError, "it answers 503"),
        ] {
            assert_eq!(error.next_step(), "retried automatically", "{error}");
        }
    }

    #[test]
    fn what_no_authority_mends_is_not_said_to_be_mended_by_ca() {
        for (fault, part) in [
            (TlsFault::PlainAnswer, "http://"),
            (TlsFault::OtherName, "in url"),
            (TlsFault::Expired, "holds now"),
            (TlsFault::NotYetValid, "holds now"),
            (TlsFault::NoCommonGround, "TLS 1.2"),
        ] {
            let step = UpstreamError::Tls(fault).next_step();
            assert!(step.contains(part) && !step.contains("mend ca"), "{step}");
        }
    }

    #[test]
    fn the_status_does_not_lead_to_the_status() {
        let error = UpstreamError::protocol("it answers 400");
        assert!(error.next_step().ends_with(SEE_STATUS));
        let step = error.next_step_at_status();
        assert_eq!(step, "the operator has to look into it");
    }

    #[test]
    fn names_the_host_and_the_time() {
        let host = UpstreamError::RefusedHost {
            host: "cdn.test".into(),
            why: HostRefusal::NotListed,
        };
        assert!(host.summary().contains("cdn.test"), "{host}");
        let limited = UpstreamError::RateLimited {
            retry_after: Some(Duration::from_secs(90)),
        };
        assert!(limited.summary().ends_with("for 90 s"), "{limited}");
    }
}
