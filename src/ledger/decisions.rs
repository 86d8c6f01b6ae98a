//! Decisions, as far as they are looked up again. The audit log is the record;
//! this is its prunable index.

use std::borrow::Borrow;

use futures_util::StreamExt;
use jiff::Timestamp;

use super::columns::only;
use super::feed::take_positions;
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
        let decisions = decisions.iter().map(Borrow::borrow);
        let Some(newest) = decisions
            .clone()
            .map(|decision: &Decision| decision.time)
            .max()
        else {
            return Ok(());
        };
        let put = "INSERT INTO decisions (id, time, environment, verdict, count, body, position) \
                   VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET \
                   count = excluded.count, body = excluded.body, position = excluded.position \
                   WHERE decisions.count < excluded.count";
        let mut writing = self.begin(Some(newest)).await?;
        let first = take_positions(&mut writing, decisions.len()).await?;
        for (decision, position) in decisions.zip(first..) {
            sqlx::query(put)
                .bind(decision.id.as_str())
                .bind(decision.time.as_microsecond())
                .bind(decision.environment.as_str())
                .bind(decision.verdict.as_str())
                .bind(i64::try_from(decision.count).unwrap_or(i64::MAX))
                .bind(columns::json(decision)?)
                .bind(position)
                .execute(writing.sql())
                .await?;
        }
        self.commit(writing).await
    }

    pub async fn decision(&self, id: &DecisionId) -> Result<Option<Decision>, LedgerError> {
        let body: Option<String> = sqlx::query_scalar("SELECT body FROM decisions WHERE id = ?")
            .bind(id.as_str())
            .fetch_optional(&self.readers)
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
        let bodies = sqlx::query_scalar(matching)
            .bind(columns::micros(filter.since).unwrap_or(i64::MIN))
            .bind(columns::micros(filter.until).unwrap_or(i64::MAX))
            .bind(at)
            .bind(id)
            .bind(filter.environment.as_ref().map(EnvironmentName::as_str))
            .bind(filter.verdict.map(Outcome::as_str))
            .bind(&filter.id)
            .fetch(&self.readers);
        let read = |body: Result<String, sqlx::Error>| columns::body(&body?);
        let decisions = bodies.map(read);
        let limit = filter
            .limit
            .unwrap_or(MAX_DECISIONS_READ)
            .min(MAX_DECISIONS_READ);
        only(decisions, limit, wanted).await
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
                        AND verdict = coalesce(?, verdict)) ORDER BY turn, time DESC";
        let bodies = sqlx::query_scalar(in_turns)
            .bind(columns::micros(filter.since).unwrap_or(i64::MIN))
            .bind(columns::micros(filter.until).unwrap_or(i64::MAX))
            .bind(filter.environment.as_ref().map(EnvironmentName::as_str))
            .bind(filter.verdict.map(Outcome::as_str))
            .fetch(&self.readers);
        let read = |body: Result<String, sqlx::Error>| columns::body(&body?);
        let limit = filter
            .limit
            .unwrap_or(MAX_DECISIONS_READ)
            .min(MAX_DECISIONS_READ);
        let decisions = bodies.map(read);
        let mut found: Vec<Decision> = only(decisions, limit, wanted).await?;
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
        // A bare column comes from the row that max() found.
        let newest = "SELECT body, sum(count), max(time) AS newest FROM decisions \
                      WHERE time >= ? AND body ->> '$.digest' IS NOT NULL \
                      GROUP BY environment, body ->> '$.exposure', body ->> '$.image', \
                               body ->> '$.digest' ORDER BY newest DESC";
        let rows = sqlx::query_as(newest)
            .bind(since.as_microsecond())
            .fetch(&self.readers);
        let read = |row: Result<(String, i64, i64), sqlx::Error>| {
            let (body, count, _) = row?;
            Ok(Decision {
                count: columns::unsigned(count)?,
                ..columns::body(&body)?
            })
        };
        only(rows.map(read), limit, wanted).await
    }

    /// Forgets decisions made before `before`; returns how many that were.
    ///
    /// # Errors
    /// [`LedgerError`] where it cannot be written; then nothing of it is.
    pub async fn prune_decisions(&self, before: Timestamp) -> Result<u64, LedgerError> {
        let mut writing = self.begin(None).await?;
        let pruned = sqlx::query("DELETE FROM decisions WHERE time < ?")
            .bind(before.as_microsecond())
            .execute(writing.sql())
            .await?;
        self.commit(writing).await?;
        Ok(pruned.rows_affected())
    }
}
