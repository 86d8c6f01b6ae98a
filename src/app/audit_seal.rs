//! The ledger keeps where the audit log ended: who cuts its end off, or writes it anew, would
//! have to change both.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use jiff::Timestamp;

use super::components::Components;
use crate::audit::log_place;
use crate::ledger::AuditSeal;

/// Notes where the log ends now, if it has come further. What fails is done next time.
pub(super) async fn seal_once(parts: Arc<Components>, now: Timestamp) {
    let end = parts.audit.end().await;
    let Some(hash) = end.hash.filter(|_| end.line > 0) else {
        return;
    };
    let config = &parts.config.audit;
    let retention = config.rotation.retention;
    let seal = AuditSeal {
        log: end.log,
        line: end.line,
        hash,
        at: now,
        place: Some(log_place(&config.path)),
        kept_until: retention.and_then(|it| now.checked_add(it).ok()),
    };
    if parts.sealed_line.load(Ordering::Relaxed) >= seal.line {
        return;
    }
    match parts.ledger.seal_audit(&seal).await {
        Ok(()) => parts.sealed_line.store(seal.line, Ordering::Relaxed),
        Err(error) => tracing::warn!(%error, "the ledger does not know where the audit log ends"),
    }
}
