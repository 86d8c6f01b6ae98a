//! Facts about pulls that judgement needs: first seen, first served, last pulled.
//!
//! Written in batches. They are no evidence for or against, so they forget no
//! verdict: the first service matters only once a scan is stale, and then the
//! verdict has run out by itself.

use futures_util::StreamExt;
use jiff::Timestamp;

use super::columns::only;
use super::{Ledger, LedgerError, columns};
use crate::metrics::LedgerVerb;
use crate::oci::Digest;
use crate::trust::Subject;

/// A digest was seen, or served, in an environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullFact {
    pub subject: Subject,
    pub at: Timestamp,
    /// Seen and served; else only seen.
    pub served: bool,
}

impl Ledger {
    /// Notes a batch of facts in one transaction.
    ///
    /// # Errors
    /// [`LedgerError`] where it cannot be written; then nothing of it is.
    pub async fn record_facts(&self, facts: &[PullFact]) -> Result<(), LedgerError> {
        let _timed = self.timed(LedgerVerb::NoteFacts);
        let Some(newest) = facts.iter().map(|fact| fact.at).max() else {
            return Ok(());
        };
        let put = "INSERT INTO facts VALUES (?, ?, ?, ?, ?, ?) \
                   ON CONFLICT DO UPDATE SET \
                   first_seen = min(first_seen, excluded.first_seen), \
                   first_served = coalesce(min(first_served, excluded.first_served), \
                                           first_served, excluded.first_served), \
                   last_pulled = coalesce(max(last_pulled, excluded.last_pulled), \
                                          last_pulled, excluded.last_pulled)";
        let mut writing = self.begin(Some(newest)).await?;
        for fact in facts {
            let at = fact.at.as_microsecond();
            let served = fact.served.then_some(at);
            sqlx::query(put)
                .bind(fact.subject.environment.as_str())
                .bind(fact.subject.repository.to_string())
                .bind(fact.subject.digest.to_string())
                .bind(at)
                .bind(served)
                .bind(served)
                .execute(writing.sql())
                .await?;
        }
        self.commit(writing).await
    }

    /// When the subject, or an index above it, was first seen, in any repository
    /// and environment: what the bytes are does not depend on where they lie.
    ///
    /// # Errors
    /// [`LedgerError`] where the records cannot be read.
    pub async fn first_seen(
        &self,
        subject: &Subject,
        parents: &[Digest],
    ) -> Result<Option<Timestamp>, LedgerError> {
        let earliest = "SELECT min(first_seen) FROM facts \
                        WHERE digest IN (SELECT value FROM json_each(?))";
        let digests = std::iter::once(&subject.digest).chain(parents);
        let at: Option<i64> = sqlx::query_scalar(earliest)
            .bind(columns::list(digests))
            .fetch_one(&self.readers)
            .await?;
        columns::time_if(at)
    }

    /// What was served since then and until when, the last first, at most `limit`
    /// that `wanted` holds for. A subject that is pulled again and again is noted
    /// about once an hour.
    ///
    /// # Errors
    /// [`LedgerError`] where the records cannot be read.
    pub async fn subjects_pulled_since(
        &self,
        since: Timestamp,
        limit: u32,
        wanted: impl Fn(&Subject) -> bool,
    ) -> Result<Vec<(Subject, Timestamp)>, LedgerError> {
        let pulled = "SELECT environment, repository, digest, last_pulled FROM facts \
                      WHERE last_pulled >= ? ORDER BY last_pulled DESC";
        let rows = sqlx::query_as(pulled)
            .bind(since.as_microsecond())
            .fetch(&self.readers);
        let read = |row: Result<(String, String, String, i64), sqlx::Error>| {
            let (environment, repository, digest, at) = row?;
            let subject = columns::subject(&environment, &repository, &digest)?;
            Ok((subject, columns::time(at)?))
        };
        only(rows.map(read), limit, |(subject, _)| wanted(subject)).await
    }

    /// When the subject was last pulled; what is pulled again and again is noted
    /// about once an hour.
    ///
    /// # Errors
    /// Where the records cannot be read.
    pub async fn last_pulled(&self, subject: &Subject) -> Result<Option<Timestamp>, LedgerError> {
        let of = "SELECT last_pulled FROM facts \
                  WHERE digest = ? AND repository = ? AND environment = ?";
        self.time_of(of, subject).await
    }

    pub(super) async fn first_served(
        &self,
        subject: &Subject,
    ) -> Result<Option<Timestamp>, LedgerError> {
        let of = "SELECT first_served FROM facts \
                  WHERE digest = ? AND repository = ? AND environment = ?";
        self.time_of(of, subject).await
    }

    async fn time_of(
        &self,
        column: &'static str,
        subject: &Subject,
    ) -> Result<Option<Timestamp>, LedgerError> {
        let at: Option<Option<i64>> = sqlx::query_scalar(column)
            .bind(subject.digest.to_string())
            .bind(subject.repository.to_string())
            .bind(subject.environment.as_str())
            .fetch_optional(&self.readers)
            .await?;
        columns::time_if(at.flatten())
    }
}
