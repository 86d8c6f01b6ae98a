//! Facts about pulls that judgement needs: first seen, first served, last pulled.
//!
//! Written in batches. They are no evidence for or against, so they forget no
//! verdict: the first service matters only once a scan is stale, and then the
//! verdict has run out by itself.

use std::collections::HashMap;

use jiff::Timestamp;
use serde::Serialize;

use super::sql::{either, query};
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

/// Rows of one statement travel as one JSON text: a write holds up others at each trip.
const INSERT_FACTS: &str = "INSERT INTO facts \
    (environment, repository, digest, first_seen, first_served, last_pulled) \
    SELECT value ->> '$.environment', value ->> '$.repository', value ->> '$.digest', \
    value ->> '$.first_seen', value ->> '$.first_served', value ->> '$.last_pulled' \
    FROM json_each(?) WHERE TRUE ON CONFLICT (digest, repository, environment) DO UPDATE SET \
    first_seen = min(facts.first_seen, excluded.first_seen), \
    first_served = coalesce(min(facts.first_served, excluded.first_served), \
                            facts.first_served, excluded.first_served), \
    last_pulled = coalesce(max(facts.last_pulled, excluded.last_pulled), \
                           facts.last_pulled, excluded.last_pulled)";
const PUT_ON_SERVER: &str = "INSERT INTO facts \
    (environment, repository, digest, first_seen, first_served, last_pulled) \
    SELECT environment, repository, digest, first_seen, first_served, last_pulled \
    FROM json_to_recordset(?::json) AS pulled (environment TEXT, repository TEXT, digest TEXT, \
    first_seen BIGINT, first_served BIGINT, last_pulled BIGINT) \
    ON CONFLICT (digest, repository, environment) DO UPDATE SET \
    first_seen = least(facts.first_seen, excluded.first_seen), \
    first_served = least(facts.first_served, excluded.first_served), \
    last_pulled = greatest(facts.last_pulled, excluded.last_pulled)";
const FACTS_PER_STATEMENT: usize = 1000;

/// What a batch says of one subject; times are microseconds.
#[derive(Serialize)]
struct FactRow {
    environment: String,
    repository: String,
    digest: String,
    first_seen: i64,
    first_served: Option<i64>,
    last_pulled: Option<i64>,
}

fn merged(facts: &[PullFact]) -> HashMap<&Subject, FactRow> {
    let mut rows = HashMap::new();
    for fact in facts {
        let at = fact.at.as_microsecond();
        let row = rows.entry(&fact.subject).or_insert_with(|| FactRow {
            environment: fact.subject.environment.to_string(),
            repository: fact.subject.repository.to_string(),
            digest: fact.subject.digest.to_string(),
            first_seen: at,
            first_served: None,
            last_pulled: None,
        });
        row.first_seen = row.first_seen.min(at);
        if fact.served {
            row.first_served = Some(row.first_served.map_or(at, |first| first.min(at)));
            row.last_pulled = row.last_pulled.max(Some(at));
        }
    }
    rows
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
        let mut writing = self.begin(Some(newest)).await?;
        let rows: Vec<FactRow> = merged(facts).into_values().collect();
        for rows in rows.chunks(FACTS_PER_STATEMENT) {
            either(INSERT_FACTS, PUT_ON_SERVER)
                .bind(columns::json(rows)?)
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
        let at: Option<i64> = query(earliest)
            .bind(columns::list(digests))
            .value(&self.readers)
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
        let read = |row: (String, String, String, i64)| {
            let (environment, repository, digest, at) = row;
            let subject = columns::subject(&environment, &repository, &digest)?;
            Ok((subject, columns::time(at)?))
        };
        query(pulled)
            .bind(since.as_microsecond())
            .first(limit, &self.readers, read, |(subject, _)| wanted(subject))
            .await
    }

    /// When anything was last pulled, as [`Self::subjects_pulled_since`] tells it.
    ///
    /// # Errors
    /// [`LedgerError`] where the records cannot be read.
    pub async fn newest_pull(&self) -> Result<Option<Timestamp>, LedgerError> {
        let newest = "SELECT max(last_pulled) FROM facts WHERE last_pulled IS NOT NULL";
        let at: Option<i64> = query(newest).value(&self.readers).await?;
        columns::time_if(at)
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
        let at: Option<Option<i64>> = query(column)
            .bind(subject.digest.to_string())
            .bind(subject.repository.to_string())
            .bind(subject.environment.as_str())
            .optional_value(&self.readers)
            .await?;
        columns::time_if(at.flatten())
    }
}
