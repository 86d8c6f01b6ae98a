//! How an upstream was last seen: what its failures were, for the status and metrics.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::UpstreamError;
use super::upstream_metrics::UpstreamMetrics;

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
    /// Notes what came of a call. That something is absent is an answer.
    pub(super) fn note<T>(&self, outcome: &Result<T, UpstreamError>, metrics: &UpstreamMetrics) {
        let seen = match outcome.as_ref().err() {
            Some(error) => match error.cause() {
                Some(cause) => {
                    metrics.failure(cause);
                    Outcome::Failed(error.clone(), Instant::now())
                }
                None => Outcome::Answered,
            },
            None => Outcome::Answered,
        };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen);
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
