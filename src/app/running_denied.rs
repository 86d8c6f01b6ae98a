//! What runs and would be denied now, as it was last read from the ledger.

use std::collections::BTreeMap;

use arc_swap::ArcSwap;

use crate::api::ReasonCount;
use crate::ledger::RecordedInUse;

/// How many images, by environment and reason.
#[derive(Default)]
pub(super) struct RunningDenied(ArcSwap<Vec<ReasonCount>>);

impl RunningDenied {
    pub(super) fn now(&self) -> Vec<ReasonCount> {
        self.0.load().to_vec()
    }

    pub(super) fn replace(&self, denied: &[RecordedInUse]) {
        let running = denied
            .iter()
            .map(|it| &it.denied)
            .filter(|it| it.is_running);
        let mut counts: BTreeMap<_, u64> = BTreeMap::new();
        for it in running {
            *counts
                .entry((&it.subject.environment, it.denial.reason))
                .or_default() += 1;
        }
        let counts = counts.into_iter();
        let counts = counts.map(|((environment, reason), images)| ReasonCount {
            environment: environment.clone(),
            reason,
            images,
        });
        self.0.store(counts.collect::<Vec<_>>().into());
    }
}
