//! Images in use that would be denied now, as judging them again found them.

use jiff::Timestamp;

use super::change::LedgerChange;
use super::sql::{query, row};
use super::{Ledger, LedgerError, columns};
use crate::trust::{Denial, DenialReason, Subject};

/// The most of them that one question returns.
const MAX_STANDINGS_READ: u32 = 20_000;

/// An image in use that would be denied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeniedInUse {
    pub subject: Subject,
    /// The gravest reason.
    pub denial: Denial,
    /// A Pod runs it, as far as clusters are followed; else it was pulled.
    pub is_running: bool,
    /// When it was found to be denied.
    pub since: Timestamp,
}

/// The same, under the number of its record: what is found later has a greater one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedInUse {
    pub number: i64,
    pub denied: DeniedInUse,
}

row! {
    struct StandingRow {
        number: i64,
        environment: String,
        repository: String,
        digest: String,
        reason: String,
        detail: String,
        next_step: String,
        is_running: i64,
        since: i64,
    }
}

impl StandingRow {
    fn read(&self) -> Result<RecordedInUse, LedgerError> {
        let reason = DenialReason::parse(&self.reason);
        let reason = reason.ok_or_else(|| LedgerError::unreadable("reason", &self.reason))?;
        let denied = DeniedInUse {
            subject: columns::subject(&self.environment, &self.repository, &self.digest)?,
            denial: Denial {
                reason,
                detail: self.detail.clone(),
                next_step: self.next_step.clone(),
            },
            is_running: self.is_running != 0,
            since: columns::time(self.since)?,
        };
        Ok(RecordedInUse {
            number: self.number,
            denied,
        })
    }
}

impl Ledger {
    /// What was found behind the record of that number, the oldest first, at most `limit`.
    /// 0: from the beginning.
    ///
    /// # Errors
    /// [`LedgerError`] where the records cannot be read.
    pub async fn denied_in_use(
        &self,
        behind: i64,
        limit: Option<u32>,
    ) -> Result<Vec<RecordedInUse>, LedgerError> {
        let limit = limit.unwrap_or(MAX_STANDINGS_READ).min(MAX_STANDINGS_READ);
        let found = "SELECT number, environment, repository, digest, reason, detail, next_step, \
                     is_running, since FROM standings WHERE number > ? ORDER BY number LIMIT ?";
        let rows: Vec<StandingRow> = query(found)
            .bind(behind)
            .bind(i64::from(limit))
            .all(&self.readers)
            .await?;
        rows.iter().map(StandingRow::read).collect()
    }

    /// Notes which images in use would be denied by now, and which no longer.
    ///
    /// # Errors
    /// [`LedgerError`] where it cannot be written; then nothing of it is.
    pub async fn note_in_use(
        &self,
        denied: &[DeniedInUse],
        lifted: &[Subject],
    ) -> Result<(), LedgerError> {
        let mut writing = self.begin(None).await?;
        let forget = "DELETE FROM standings \
                      WHERE environment = ? AND repository = ? AND digest = ?";
        let again = denied.iter().map(|it| &it.subject);
        for subject in lifted.iter().chain(again) {
            query(forget)
                .bind(subject.environment.as_str())
                .bind(subject.repository.to_string())
                .bind(subject.digest.to_string())
                .execute(writing.sql())
                .await?;
        }
        let note = "INSERT INTO standings (environment, repository, digest, reason, detail, \
                    next_step, is_running, since) VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
        for it in denied {
            query(note)
                .bind(it.subject.environment.as_str())
                .bind(it.subject.repository.to_string())
                .bind(it.subject.digest.to_string())
                .bind(it.denial.reason.code())
                .bind(&it.denial.detail)
                .bind(&it.denial.next_step)
                .bind(i64::from(it.is_running))
                .bind(it.since.as_microsecond())
                .execute(writing.sql())
                .await?;
        }
        // It changes no evidence, and what agents on nodes are told: under a new number.
        writing.note(LedgerChange::Act).await?;
        self.commit(writing).await
    }
}
