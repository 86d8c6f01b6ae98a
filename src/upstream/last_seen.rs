//! How an upstream was last seen: what its failures were, for the status and metrics.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::UpstreamError;
use super::upstream_metrics::UpstreamMetrics;
use crate::metrics::UpstreamCause;

/// The condition of an upstream by its last answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UpstreamCondition {
    /// It was not asked yet.
    Unknown,
    Up,
    /// What was last asked of it came to nothing.
    Failing(SeenFailure),
    /// It failed repeatedly; calls are refused for this long.
    CoolingDown(Duration, Option<SeenFailure>),
}

/// A call that came to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenFailure {
    pub error: UpstreamError,
    /// Time since then.
    pub age: Duration,
}

/// The last outcome of a call; `None`: it was not asked yet.
#[derive(Default)]
pub(super) struct LastSeen(Mutex<Option<Outcome>>);

enum Outcome {
    Answered,
    Failed(UpstreamError, Instant),
}

impl LastSeen {
    /// Notes what came of a call. That something is absent is an answer; that the upstream is
    /// left alone is not, and hides no failure that was seen.
    pub(super) fn note<T>(&self, outcome: &Result<T, UpstreamError>, metrics: &UpstreamMetrics) {
        let failure = outcome.as_ref().err().and_then(|error| {
            let cause = error.cause()?;
            metrics.failure(cause);
            Some((cause, error))
        });
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match failure {
            Some((UpstreamCause::LeftAlone, _)) if last.is_some() => {}
            Some((_, error)) => *last = Some(Outcome::Failed(error.clone(), Instant::now())),
            None => *last = Some(Outcome::Answered),
        }
    }

    /// How it was last seen; `rest`: for how long it is left alone.
    pub(super) fn condition(&self, rest: Option<Duration>, now: Instant) -> UpstreamCondition {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let failure = match &*last {
            Some(Outcome::Failed(error, at)) => Some(SeenFailure {
                error: error.clone(),
                age: now.duration_since(*at),
            }),
            Some(Outcome::Answered) | None => None,
        };
        match (rest, failure) {
            (Some(rest), failure) => UpstreamCondition::CoolingDown(rest, failure),
            (None, Some(failure)) => UpstreamCondition::Failing(failure),
            (None, None) if last.is_some() => UpstreamCondition::Up,
            (None, None) => UpstreamCondition::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Metrics;
    use crate::upstream::TlsFault;

    #[test]
    fn an_upstream_that_is_left_alone_keeps_the_cause_that_was_seen() {
        let metrics = UpstreamMetrics::new(Metrics::new(), "registry.example");
        let seen = LastSeen::default();
        let failed = |cause| Err::<(), _>(UpstreamError::unavailable(cause, "no"));
        let cause = || match seen.condition(None, Instant::now()) {
            UpstreamCondition::Failing(failure) => failure.error.cause(),
            _ => None,
        };
        seen.note(&failed(UpstreamCause::LeftAlone), &metrics);
        assert_eq!(
            cause(),
            Some(UpstreamCause::LeftAlone),
            "nothing else is known"
        );
        seen.note(
            &Err::<(), _>(UpstreamError::Tls(TlsFault::Expired)),
            &metrics,
        );
        seen.note(&failed(UpstreamCause::LeftAlone), &metrics);
        assert_eq!(cause(), Some(UpstreamCause::Tls));
        seen.note(&Ok(()), &metrics);
        seen.note(&failed(UpstreamCause::LeftAlone), &metrics);
        assert_eq!(cause(), None, "one page says nothing of the others");
    }
}
