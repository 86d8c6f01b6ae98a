//! What was denied before a restart: the images denied in the last hour are counted from
//! the ledger, so that a restart hides none from `status` and from alerts.

use jiff::{SignedDuration, Timestamp};

use super::components::Components;
use crate::ledger::{DecisionFilter, LedgerError};
use crate::trust::Outcome;

/// How far back denials count.
const COUNTED_FOR: SignedDuration = SignedDuration::from_hours(1);
/// Pages of a thousand denials that are read, at most; the newest.
const MAX_PAGES: usize = 10;

/// Counts them. A ledger that cannot tell hides them, and stops nothing.
pub(super) async fn count(parts: &Components, now: Timestamp) {
    match count_pages(parts, now).await {
        Ok(since) => parts.gate.recorder().denied_are_counted_since(since),
        Err(error) => {
            tracing::warn!(%error, "what was denied before the start is not counted");
        }
    }
}

/// Since when denials are counted: since the start, until those before it are.
pub(super) fn counted_since(parts: &Components) -> Option<Timestamp> {
    let before = parts.gate.recorder().denied_counted_since();
    before.or_else(|| parts.activity.since())
}

/// Returns since when all of them are counted.
async fn count_pages(parts: &Components, now: Timestamp) -> Result<Timestamp, LedgerError> {
    let since = now.checked_sub(COUNTED_FOR).unwrap_or(Timestamp::MIN);
    let mut reached = now;
    let mut filter = DecisionFilter {
        since: Some(since),
        verdict: Some(Outcome::Denied),
        ..DecisionFilter::default()
    };
    for _ in 0..MAX_PAGES {
        let page = parts.ledger.decisions(&filter).await?;
        let Some(last) = page.last() else {
            return Ok(since);
        };
        reached = last.time;
        filter.before = Some((last.time, last.id.clone()));
        for denied in &page {
            parts.gate.recorder().remember_denied(denied);
        }
    }
    Ok(reached)
}
