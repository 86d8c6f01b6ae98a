//! Facts about pulls that judgement needs: first seen, first served, last pulled, and when
//! the upstream was last seen to hold it, or not to.
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
use crate::oci::{Digest, Repository};
use crate::trust::Subject;

/// Something happened to a digest in an environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullFact {
    pub subject: Subject,
    pub at: Timestamp,
    pub kind: FactKind,
}

/// What a fact says of its subject, beside that it was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FactKind {
    Seen,
    /// Served, though something spoke against it: by the mode or by break-glass.
    Lifted,
    /// Served, with nothing against it: grace is for what was.
    Served,
    /// Its upstream was seen to hold it.
    Held,
    /// Its upstream was seen to hold it no more.
    Gone,
}

/// What was last seen of a digest at its upstream, by any gateway on this ledger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UpstreamSightings {
    pub held_at: Option<Timestamp>,
    pub gone_at: Option<Timestamp>,
}

impl UpstreamSightings {
    /// Whether it was seen to be gone at `held_at` or later.
    pub fn is_gone_since(&self, held_at: Timestamp) -> bool {
        self.gone_at.is_some_and(|gone_at| held_at <= gone_at)
    }
}

/// Rows of one statement travel as one JSON text: a write holds up others at each trip.
const INSERT_FACTS: &str = "INSERT INTO facts \
    (environment, repository, digest, first_seen, first_served, last_pulled, held_at, gone_at) \
    SELECT value ->> '$.environment', value ->> '$.repository', value ->> '$.digest', \
    value ->> '$.first_seen', value ->> '$.first_served', value ->> '$.last_pulled', \
    value ->> '$.held_at', value ->> '$.gone_at' \
    FROM json_each(?) WHERE TRUE ON CONFLICT (digest, repository, environment) DO UPDATE SET \
    first_seen = min(facts.first_seen, excluded.first_seen), \
    first_served = coalesce(min(facts.first_served, excluded.first_served), \
                            facts.first_served, excluded.first_served), \
    last_pulled = coalesce(max(facts.last_pulled, excluded.last_pulled), \
                           facts.last_pulled, excluded.last_pulled), \
    held_at = coalesce(max(facts.held_at, excluded.held_at), facts.held_at, excluded.held_at), \
    gone_at = coalesce(max(facts.gone_at, excluded.gone_at), facts.gone_at, excluded.gone_at)";
const PUT_ON_SERVER: &str = "INSERT INTO facts \
    (environment, repository, digest, first_seen, first_served, last_pulled, held_at, gone_at) \
    SELECT environment, repository, digest, first_seen, first_served, last_pulled, \
    held_at, gone_at \
    FROM json_to_recordset(?::json) AS pulled (environment TEXT, repository TEXT, digest TEXT, \
    first_seen BIGINT, first_served BIGINT, last_pulled BIGINT, \
    held_at BIGINT, gone_at BIGINT) \
    ON CONFLICT (digest, repository, environment) DO UPDATE SET \
    first_seen = least(facts.first_seen, excluded.first_seen), \
    first_served = least(facts.first_served, excluded.first_served), \
    last_pulled = greatest(facts.last_pulled, excluded.last_pulled), \
    held_at = greatest(facts.held_at, excluded.held_at), \
    gone_at = greatest(facts.gone_at, excluded.gone_at)";
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
    held_at: Option<i64>,
    gone_at: Option<i64>,
}

impl FactRow {
    fn add(&mut self, kind: FactKind, at: i64) {
        self.first_seen = self.first_seen.min(at);
        match kind {
            FactKind::Seen => {}
            FactKind::Lifted => self.last_pulled = self.last_pulled.max(Some(at)),
            FactKind::Served => {
                self.first_served = Some(self.first_served.map_or(at, |first| first.min(at)));
                self.last_pulled = self.last_pulled.max(Some(at));
            }
            FactKind::Held => self.held_at = self.held_at.max(Some(at)),
            FactKind::Gone => self.gone_at = self.gone_at.max(Some(at)),
        }
    }
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
            held_at: None,
            gone_at: None,
        });
        row.add(fact.kind, at);
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

    /// When a report on this manifest was first handed in, and it lay upstream then: one of
    /// before the push does not say so. Later reports take nothing from it.
    ///
    /// # Errors
    /// [`LedgerError`] where the records cannot be read.
    pub async fn first_scanned(&self, manifest: &Digest) -> Result<Option<Timestamp>, LedgerError> {
        let earliest = "SELECT min(body ->> '$.received_at') FROM scans WHERE manifest = ? \
                        AND withdrawn_at IS NULL AND body ->> '$.bound_from' IS NULL";
        let at: Option<String> = query(earliest)
            .bind(manifest.to_string())
            .value(&self.readers)
            .await?;
        at.as_deref().map(columns::text).transpose()
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

    /// What was last seen of a digest at its upstream, from any environment.
    ///
    /// # Errors
    /// Where the records cannot be read.
    pub async fn upstream_sightings(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> Result<UpstreamSightings, LedgerError> {
        let of = "SELECT max(held_at), max(gone_at) FROM facts \
                  WHERE digest = ? AND repository = ?";
        let (held, gone): (Option<i64>, Option<i64>) = query(of)
            .bind(digest.to_string())
            .bind(repository.to_string())
            .one(&self.readers)
            .await?;
        Ok(UpstreamSightings {
            held_at: columns::time_if(held)?,
            gone_at: columns::time_if(gone)?,
        })
    }

    /// When it was first served with nothing against it.
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
