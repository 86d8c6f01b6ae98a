//! Measures how long each verb takes.

use std::time::Instant;

use prometheus_client::metrics::histogram::Histogram;

use super::Ledger;
use crate::metrics::{LedgerLabels, LedgerVerb, Metrics};

/// Observes the time from its creation to its drop.
pub(super) struct VerbTimer {
    seconds: Histogram,
    started: Instant,
}

impl Drop for VerbTimer {
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

    pub(super) fn timed(&self, verb: LedgerVerb) -> VerbTimer {
        let family = &self.metrics.ledger.seconds;
        VerbTimer {
            seconds: family.get_or_create_owned(&LedgerLabels { verb }),
            started: Instant::now(),
        }
    }
}
