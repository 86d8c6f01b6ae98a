//! The ledger keeps where the audit log ended: who cuts its end off, or writes it anew, would
//! have to change both.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use jiff::Timestamp;

use super::components::Components;
use super::log_end::note_log_end;

/// Notes where the log ends now, if it has come further. What fails is done next time.
pub(super) async fn seal_once(parts: Arc<Components>, now: Timestamp) {
    let end = parts.audit.end().await;
    let is_known = parts.sealed_line.load(Ordering::Relaxed) >= end.line;
    if is_known || end.hash.is_none() {
        return;
    }
    let line = end.line;
    match note_log_end(&parts.ledger, end, &parts.config.audit, now).await {
        Ok(()) => parts.sealed_line.store(line, Ordering::Relaxed),
        Err(error) => tracing::warn!(%error, "the ledger does not know where the audit log ends"),
    }
}
