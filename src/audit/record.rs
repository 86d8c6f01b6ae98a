//! What a line of the log says: `docs/audit-log.schema.json` describes it.

use serde::Serialize;

use crate::trust::{Act, Decision, LedgerMark};

/// One line, which says by `record` what it is of.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(tag = "record", rename_all = "kebab-case")]
pub enum AuditRecord<'a> {
    /// A later line of the same `id` replaces the earlier one.
    Decision {
        #[serde(flatten)]
        decision: &'a Decision,
        ledger: &'a LedgerMark,
    },
    /// A later line of the same `id` is the same once more.
    Act {
        #[serde(flatten)]
        act: &'a Act,
        ledger: &'a LedgerMark,
    },
}
