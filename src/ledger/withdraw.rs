//! Withdraws what was submitted with a revoked token: it stops counting and stays on
//! record. What it reinstated is revoked again.

use jiff::Timestamp;

use super::change::LedgerChange;
use super::sql::query;
use super::write::WriteTransaction;
use super::{LedgerError, first_reported};
use crate::oci::counted;

/// What the record of a token's end begins with, where evidence was withdrawn with it.
pub(super) const WITHDRAWN: &str = "withdrawn: ";

/// How much a revoked token's evidence was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Withdrawn {
    pub scans: u64,
    pub promotions: u64,
    pub break_glass: u64,
    pub modes: u64,
    /// Revocations that it had ended, and that hold again.
    pub reinstatements: u64,
    /// Scans of image IDs, bound to no manifest.
    pub unbound_scans: u64,
}

impl Withdrawn {
    /// In words; nothing where nothing was withdrawn.
    pub(super) fn told(self) -> String {
        let counts = [
            (self.scans, "scan"),
            (self.promotions, "promotion"),
            (self.break_glass, "break-glass grant"),
            (self.modes, "mode"),
            (self.reinstatements, "reinstatement"),
            (self.unbound_scans, "pre-push scan"),
        ];
        let counts = counts.iter().filter(|(count, _)| *count > 0);
        let told: Vec<String> = counts.map(|(count, what)| counted(*count, what)).collect();
        match told.is_empty() {
            true => String::new(),
            false => format!("{WITHDRAWN}{}", told.join(", ")),
        }
    }
}

const WITHDRAW_SCANS: &str = "UPDATE scans SET withdrawn_at = ? \
                     WHERE submitter = ? AND withdrawn_at IS NULL RETURNING manifest";
const WITHDRAW_PROMOTIONS: &str = "UPDATE promotions SET withdrawn_at = ? \
                          WHERE promoter = ? AND withdrawn_at IS NULL \
                          RETURNING digest || coalesce(' ' || environment || ' ' \
                                    || repository || ' ' || tag, '')";
const WITHDRAW_BREAK_GLASS: &str = "UPDATE break_glass SET withdrawn_at = ? \
                           WHERE granted_by = ? AND withdrawn_at IS NULL RETURNING digest";
/// What was set before holds again, if its time is not over.
const WITHDRAW_MODES: &str = "UPDATE modes SET withdrawn_at = ? \
                     WHERE set_by = ? AND withdrawn_at IS NULL RETURNING environment";
/// The acts go on telling of the reinstatement.
const REVOKE_AGAIN: &str = "UPDATE revocations \
                     SET reinstated_at = NULL, reinstated_by = NULL, reinstated_reason = NULL \
                     WHERE reinstated_by = ? RETURNING digest";

/// Marks all that `name` said, and notes each change.
pub(super) async fn withdraw(
    writing: &mut WriteTransaction<'_>,
    name: &str,
    at: Timestamp,
) -> Result<Withdrawn, LedgerError> {
    first_reported::forget(writing, name).await?;
    let by = (name, at);
    Ok(Withdrawn {
        scans: mark(writing, "scan", WITHDRAW_SCANS, by).await?,
        promotions: mark(writing, "promotion", WITHDRAW_PROMOTIONS, by).await?,
        break_glass: mark(writing, "break-glass", WITHDRAW_BREAK_GLASS, by).await?,
        modes: mark(writing, "mode", WITHDRAW_MODES, by).await?,
        reinstatements: revoke_again(writing, name).await?,
        unbound_scans: mark_unbound(writing, by).await?,
    })
}

/// No verdict rests on these, so there is no change to note.
async fn mark_unbound(
    writing: &mut WriteTransaction<'_>,
    (name, at): (&str, Timestamp),
) -> Result<u64, LedgerError> {
    let update = "UPDATE unbound_scans SET withdrawn_at = ? \
                  WHERE submitter = ? AND withdrawn_at IS NULL";
    let marked = query(update)
        .bind(at.as_microsecond())
        .bind(name)
        .execute(writing.sql())
        .await?;
    Ok(marked)
}

/// `update` returns the subjects of changes of `kind`.
async fn mark(
    writing: &mut WriteTransaction<'_>,
    kind: &str,
    update: &'static str,
    (name, at): (&str, Timestamp),
) -> Result<u64, LedgerError> {
    let marked = query(update).bind(at.as_microsecond()).bind(name);
    let subjects: Vec<String> = marked.values(writing.sql()).await?;
    note_each(writing, kind, subjects).await
}

/// Lets the revocations hold again that `name` ended.
async fn revoke_again(writing: &mut WriteTransaction<'_>, name: &str) -> Result<u64, LedgerError> {
    let digests: Vec<String> = query(REVOKE_AGAIN).bind(name).values(writing.sql()).await?;
    note_each(writing, "revocation", digests).await
}

/// Notes a change of `kind` for each subject, and counts them.
async fn note_each(
    writing: &mut WriteTransaction<'_>,
    kind: &str,
    subjects: Vec<String>,
) -> Result<u64, LedgerError> {
    for subject in &subjects {
        let change = LedgerChange::parse(kind, subject);
        let change = change.ok_or_else(|| LedgerError::unreadable(kind, subject))?;
        writing.note(change).await?;
    }
    Ok(subjects.len() as u64)
}
