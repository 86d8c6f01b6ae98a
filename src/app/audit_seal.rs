//! The ledger keeps where the audit log ended: who cuts its end off, or writes it anew, would
//! have to change both.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use jiff::Timestamp;

use super::components::Components;
use crate::ledger::AuditSeal;

/// Notes where the log ends now, if it has come further. What fails is done next time.
pub(super) async fn seal_once(parts: Arc<Components>, now: Timestamp) {
    let end = parts.audit.end().await;
    let Some(hash) = end.hash.filter(|_| end.line > 0) else {
        return;
    };
    let seal = AuditSeal {
        log: end.log,
        line: end.line,
        hash,
        at: now,
    };
    if parts.sealed_line.load(Ordering::Relaxed) >= seal.line {
        return;
    }
    match parts.ledger.seal_audit(&seal).await {
        Ok(()) => parts.sealed_line.store(seal.line, Ordering::Relaxed),
        Err(error) => tracing::warn!(%error, "the ledger does not know where the audit log ends"),
    }
}
