//! How long each verb takes.

use std::time::Instant;

use prometheus_client::metrics::histogram::Histogram;

use super::Ledger;
use crate::metrics::{LedgerLabels, LedgerVerb, Metrics};

/// Observes the time from its making to its end.
pub(super) struct Timed {
    seconds: Histogram,
    started: Instant,
}

impl Drop for Timed {
    fn drop(&mut self) {
        self.seconds.observe(self.started.elapsed().as_secs_f64());
    }
}

impl Ledger {
    /// Shows the time of its verbs in `metrics`.
    pub fn measured(mut self, metrics: Metrics) -> Self {
        self.metrics = metrics;
        self
    }

    pub(super) fn timed(&self, verb: LedgerVerb) -> Timed {
        let family = &self.metrics.ledger_seconds;
        Timed {
            seconds: family.get_or_create_owned(&LedgerLabels { verb }),
            started: Instant::now(),
        }
    }
}
