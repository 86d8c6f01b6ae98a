//! Decisions, as far as they are looked up again. The audit log is the record;
//! this is its prunable index.

use std::borrow::Borrow;
use std::collections::HashMap;

use jiff::Timestamp;
use serde::Serialize;

use super::feed::take_positions;
use super::sql::{either, query};
use super::{Ledger, LedgerError, columns};
use crate::metrics::LedgerVerb;
use crate::trust::{Decision, DecisionId, EnvironmentName, Outcome};

/// The most decisions that one question returns.
const MAX_DECISIONS_READ: u32 = 1000;

/// Which decisions are asked for; newest first.
#[derive(Clone, Debug, Default)]
pub struct DecisionFilter {
    pub since: Option<Timestamp>,
    pub environment: Option<EnvironmentName>,
    pub verdict: Option<Outcome>,
    /// Before that time.
    pub until: Option<Timestamp>,
    /// Older than the decision that was given then, under that id.
    pub before: Option<(Timestamp, DecisionId)>,
    /// What its id begins with; not for those that are spread.
    pub id: Option<String>,
    /// At most 1000, which is also what `None` means.
    pub limit: Option<u32>,
}

/// A bare column comes from the row that max() found.
const NEWEST_DECIDED: &str = "SELECT body, sum(count), max(time) AS newest FROM decisions \
    WHERE time >= ? AND body ->> '$.digest' IS NOT NULL \
    GROUP BY environment, body ->> '$.exposure', body ->> '$.image', body ->> '$.digest' \
    ORDER BY newest DESC";
const NEWEST_DECIDED_ON_SERVER: &str = "SELECT body, total, time FROM (\
    SELECT body, time, CAST(sum(count) OVER alike AS BIGINT) AS total, \
    row_number() OVER (alike ORDER BY time DESC, id DESC) AS place \
    FROM decisions WHERE time >= ? AND body ->> '$.digest' IS NOT NULL \
    WINDOW alike AS (PARTITION BY environment, body ->> '$.exposure', body ->> '$.image', \
    body ->> '$.digest')) AS decided WHERE place = 1 ORDER BY time DESC";

/// Rows of one statement travel as one JSON text: a write holds up others at each trip.
const INSERT_DECISIONS: &str = "INSERT INTO decisions \
    (id, time, environment, verdict, count, body, position) \
    SELECT value ->> '$.id', value ->> '$.time', value ->> '$.environment', \
    value ->> '$.verdict', value ->> '$.count', value -> '$.body', value ->> '$.position' \
    FROM json_each(?) WHERE TRUE ON CONFLICT (id) DO UPDATE SET \
    count = excluded.count, body = excluded.body, position = excluded.position \
    WHERE decisions.count < excluded.count";
const PUT_ON_SERVER: &str = "INSERT INTO decisions \
    (id, time, environment, verdict, count, body, position) \
    SELECT id, time, environment, verdict, count, body::text, position \
    FROM json_to_recordset(?::json) AS decided (id TEXT, time BIGINT, environment TEXT, \
    verdict TEXT, count BIGINT, body JSON, position BIGINT) ON CONFLICT (id) DO UPDATE SET \
    count = excluded.count, body = excluded.body, position = excluded.position \
    WHERE decisions.count < excluded.count";
const DECISIONS_PER_STATEMENT: usize = 500;
/// Decisions that are forgotten in one transaction: others write in between.
const PRUNED_AT_ONCE: u32 = 10_000;

#[derive(Serialize)]
struct DecisionRow<'a> {
    id: &'a str,
    time: i64,
    environment: &'a str,
    verdict: &'static str,
    count: i64,
    position: i64,
    body: &'a Decision,
}

impl<'a> DecisionRow<'a> {
    fn of((decision, position): (&'a Decision, i64)) -> Self {
        Self {
            id: decision.id.as_str(),
            time: decision.time.as_microsecond(),
            environment: decision.environment.as_str(),
            verdict: decision.verdict.as_str(),
            count: i64::try_from(decision.count).unwrap_or(i64::MAX),
            position,
            body: decision,
        }
    }
}

/// Each decision once, in order: the one with the highest count.
fn last_words<D: Borrow<Decision>>(batch: &[D]) -> Vec<&Decision> {
    let mut counts: HashMap<&DecisionId, u64> = HashMap::new();
    for decision in batch.iter().map(Borrow::borrow) {
        let highest = counts.entry(&decision.id).or_insert(decision.count);
        *highest = decision.count.max(*highest);
    }
    let decisions = batch.iter().map(Borrow::borrow);
    let kept = decisions.filter(|it| {
        let is_last = counts.get(&it.id) == Some(&it.count);
        is_last && counts.remove(&it.id).is_some()
    });
    kept.collect()
}

impl DecisionFilter {
    fn limit(&self) -> u32 {
        let asked = self.limit.unwrap_or(MAX_DECISIONS_READ);
        asked.min(MAX_DECISIONS_READ)
    }
}

/// The body of a decision.
pub(super) fn decision((body,): (String,)) -> Result<Decision, LedgerError> {
    columns::body(&body)
}

/// The body of the newest of several decisions, their sum, and its time.
pub(super) fn counted(row: (String, i64, i64)) -> Result<Decision, LedgerError> {
    Ok(Decision {
        count: columns::unsigned(row.1)?,
        ..columns::body(&row.0)?
    })
}

impl Ledger {
    /// Writes a batch in one transaction. A decision that is there gets its new
    /// count.
    ///
    /// # Errors
    /// [`LedgerError`] where it cannot be written; then nothing of it is.
    pub async fn record_decisions<D: Borrow<Decision> + Sync>(
        &self,
        decisions: &[D],
    ) -> Result<(), LedgerError> {
        let _timed = self.timed(LedgerVerb::RecordDecisions);
        let newest = decisions.iter().map(|it| it.borrow().time).max();
        let Some(newest) = newest else {
            return Ok(());
        };
        let mut writing = self.begin(Some(newest)).await?;
        for batch in decisions.chunks(DECISIONS_PER_STATEMENT) {
            let batch = last_words(batch);
            let first = take_positions(&mut writing, batch.len()).await?;
            let rows = batch.into_iter().zip(first..).map(DecisionRow::of);
            let rows: Vec<DecisionRow> = rows.collect();
            either(INSERT_DECISIONS, PUT_ON_SERVER)
                .bind(columns::json(&rows)?)
                .execute(writing.sql())
                .await?;
        }
        self.commit(writing).await
    }

    pub async fn decision(&self, id: &DecisionId) -> Result<Option<Decision>, LedgerError> {
        let body: Option<String> = query("SELECT body FROM decisions WHERE id = ?")
            .bind(id.as_str())
            .optional_value(&self.readers)
            .await?;
        body.as_deref().map(columns::body).transpose()
    }

    pub async fn decisions(&self, filter: &DecisionFilter) -> Result<Vec<Decision>, LedgerError> {
        self.decisions_where(filter, |_| true).await
    }

    /// As [`Self::decisions`], and only those that `wanted` holds for: what it
    /// leaves out does not count towards the limit.
    ///
    /// # Errors
    /// [`LedgerError`] where the records cannot be read.
    pub async fn decisions_where(
        &self,
        filter: &DecisionFilter,
        wanted: impl Fn(&Decision) -> bool,
    ) -> Result<Vec<Decision>, LedgerError> {
        let (at, id) = match &filter.before {
            Some((at, id)) => (at.as_microsecond(), id.as_str()),
            None => (i64::MAX, ""),
        };
        let matching = "SELECT body FROM decisions WHERE time >= ? AND time < ? \
                        AND (time, id) < (?, ?) AND environment = coalesce(?, environment) \
                        AND verdict = coalesce(?, verdict) \
                        AND (?7 IS NULL OR substr(id, 1, length(?7)) = ?7) \
                        ORDER BY time DESC, id DESC";
        let decisions = query(matching)
            .bind(columns::micros(filter.since).unwrap_or(i64::MIN))
            .bind(columns::micros(filter.until).unwrap_or(i64::MAX))
            .bind(at)
            .bind(id)
            .bind(filter.environment.as_ref().map(EnvironmentName::as_str))
            .bind(filter.verdict.map(Outcome::as_str))
            .bind(&filter.id);
        decisions
            .first(filter.limit(), &self.readers, decision, wanted)
            .await
    }

    /// As [`Self::decisions_where`], but spread: of each kind (environment, principal,
    /// client, first reason, and whether the image exists) the newest come first, in
    /// turns, so that a flood of one kind pushes out no other. Then the newest first.
    pub async fn decisions_spread(
        &self,
        filter: &DecisionFilter,
        wanted: impl Fn(&Decision) -> bool,
    ) -> Result<Vec<Decision>, LedgerError> {
        let in_turns = "SELECT body FROM (SELECT body, time, row_number() OVER ( \
                        PARTITION BY environment, body ->> '$.principal', body ->> '$.client', \
                        body ->> '$.reasons[0]', body ->> '$.digest' IS NULL \
                        ORDER BY time DESC, id DESC) AS turn \
                        FROM decisions WHERE time >= ? AND time < ? \
                        AND environment = coalesce(?, environment) \
                        AND verdict = coalesce(?, verdict)) AS turns ORDER BY turn, time DESC";
        let decisions = query(in_turns)
            .bind(columns::micros(filter.since).unwrap_or(i64::MIN))
            .bind(columns::micros(filter.until).unwrap_or(i64::MAX))
            .bind(filter.environment.as_ref().map(EnvironmentName::as_str))
            .bind(filter.verdict.map(Outcome::as_str));
        let mut found = decisions
            .first(filter.limit(), &self.readers, decision, wanted)
            .await?;
        found.sort_by(|one, other| (other.time, &other.id).cmp(&(one.time, &one.id)));
        Ok(found)
    }

    /// What was decided since then on known digests: the newest decision of each
    /// environment, exposure, image as it was asked for and digest, with the count
    /// of all of them. The newest first, at most `limit` that `wanted` holds for.
    ///
    /// # Errors
    /// [`LedgerError`] where the records cannot be read.
    pub async fn decided_since(
        &self,
        since: Timestamp,
        limit: u32,
        wanted: impl Fn(&Decision) -> bool,
    ) -> Result<Vec<Decision>, LedgerError> {
        let _timed = self.timed(LedgerVerb::DecidedSince);
        either(NEWEST_DECIDED, NEWEST_DECIDED_ON_SERVER)
            .bind(since.as_microsecond())
            .first(limit, &self.readers, counted, wanted)
            .await
    }

    /// Forgets decisions made before `before`; returns how many that were.
    ///
    /// # Errors
    /// [`LedgerError`] where it cannot be written; then nothing of it is.
    pub async fn prune_decisions(&self, before: Timestamp) -> Result<u64, LedgerError> {
        let some = "DELETE FROM decisions WHERE id IN \
                    (SELECT id FROM decisions WHERE time < ? ORDER BY time LIMIT ?)";
        let mut pruned = 0;
        loop {
            let mut writing = self.begin(None).await?;
            let gone = query(some)
                .bind(before.as_microsecond())
                .bind(PRUNED_AT_ONCE)
                .execute(writing.sql())
                .await?;
            self.commit(writing).await?;
            pruned += gone;
            if gone < u64::from(PRUNED_AT_ONCE) {
                return Ok(pruned);
            }
        }
    }
}
