//! What a line of the log says: `docs/audit-log.schema.json` describes it.

use serde::Serialize;

use crate::trust::{Act, Decision, LedgerMark};

/// The version of the lines, in each. Another one is another meaning of a field that was
/// there; a field that is added changes nothing.
pub const AUDIT_SCHEMA: u8 = 1;

/// One line, which says by `record` what it is of.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(tag = "record", rename_all = "kebab-case")]
pub enum AuditRecord<'a> {
    /// A later line of the same `id` replaces the earlier one.
    Decision {
        schema: u8,
        #[serde(flatten)]
        decision: &'a Decision,
        ledger: &'a LedgerMark,
    },
    /// A later line of the same `id` is the same once more.
    Act {
        schema: u8,
        #[serde(flatten)]
        act: &'a Act,
        ledger: &'a LedgerMark,
    },
}
