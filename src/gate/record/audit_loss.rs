//! What becomes of pulls while nothing can be written to the audit log.

use serde::Deserialize;

use super::health::RecordHealth;
use crate::trust::{Denial, DenialReason};

/// What the operator wants then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnAuditLoss {
    /// Pulls go on. What waits is counted and written later; the ledger keeps it meanwhile.
    #[default]
    Count,
    /// Nothing is served that cannot be put on record.
    Deny,
}

/// The operator's rule, and how the log does.
pub struct AuditLossRule {
    on_loss: OnAuditLoss,
    health: RecordHealth,
}

impl AuditLossRule {
    pub fn new(on_loss: OnAuditLoss, health: RecordHealth) -> Self {
        Self { on_loss, health }
    }

    /// What speaks against every pull at this moment. Memory only, and no lock.
    pub(in crate::gate) fn denial(&self) -> Option<Denial> {
        let lost = self.on_loss == OnAuditLoss::Deny && self.health.log_fails();
        lost.then(|| {
            Denial::new(
                DenialReason::Undecidable,
                "the audit log cannot be written, and nothing is served off the record",
                "tell the operator: `sekisho status` names the cause",
            )
        })
    }
}
