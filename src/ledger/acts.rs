//! Acts: what people and pipelines did. Each is written in the transaction of what it
//! tells of, and goes to the audit log from here.

use jiff::Timestamp;

use super::attributed::ActOrigin;
use super::change::LedgerChange;
use super::sql::query;
use super::write::WriteTransaction;
use super::{Ledger, LedgerError, columns};
use crate::access::PROGRAM;
use crate::metrics::LedgerVerb;
use crate::oci::Digest;
use crate::trust::{Act, ActKind, EnvironmentName, LedgerMark};

/// The most acts that one question returns.
const MAX_ACTS_READ: u32 = 1000;

/// An act that is to be recorded.
#[derive(Clone, Debug)]
pub struct NewAct {
    pub time: Timestamp,
    pub act: ActKind,
    pub principal: Option<String>,
    pub environment: Option<EnvironmentName>,
    pub digest: Option<Digest>,
    pub subject: Option<String>,
    pub detail: String,
    pub reason: Option<String>,
    pub ticket: Option<String>,
    pub link: Option<String>,
    pub until: Option<Timestamp>,
}

impl NewAct {
    /// One of the program itself, of which nothing else is to be said.
    pub fn new(act: ActKind, time: Timestamp) -> Self {
        Self {
            time,
            act,
            principal: None,
            environment: None,
            digest: None,
            subject: None,
            detail: String::new(),
            reason: None,
            ticket: None,
            link: None,
            until: None,
        }
    }

    fn record(self, id: i64, origin: ActOrigin) -> Act {
        let principal = self.principal.or(origin.principal);
        Act {
            id: format!("act:{id}"),
            time: self.time,
            act: self.act,
            principal: principal.unwrap_or_else(|| PROGRAM.to_owned()),
            client: origin.client,
            environment: self.environment,
            image: origin.image,
            digest: self.digest,
            subject: self.subject,
            detail: self.detail,
            reason: self.reason,
            ticket: self.ticket,
            link: self.link,
            until: self.until,
        }
    }
}

/// Which acts are asked for; newest first.
#[derive(Clone, Debug, Default)]
pub struct ActFilter {
    pub since: Option<Timestamp>,
    /// Before that time.
    pub until: Option<Timestamp>,
    pub environment: Option<EnvironmentName>,
    pub act: Option<ActKind>,
    pub principal: Option<String>,
    /// Before the act of that number.
    pub before: Option<i64>,
    /// At most 1000, which is also what `None` means.
    pub limit: Option<u32>,
}

/// An act with its place in the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedAct {
    pub number: i64,
    pub act: Act,
    /// Of the ledger, when it was done.
    pub mark: LedgerMark,
}

impl WriteTransaction<'_> {
    /// Records an act: called last, when the changes that it made are noted. One that
    /// changes no evidence is a change of its own, so that a ledger which lacks it shows.
    /// Numbers of acts have no gap, so that a log which lacks one shows, too: writes take
    /// turns, where a sequence would skip those that were broken off.
    pub async fn act(&mut self, new: NewAct, origin: ActOrigin) -> Result<(), LedgerError> {
        let change = match self.newest_change() {
            Some(change) => change,
            None => self.note(LedgerChange::Act).await?,
        };
        let add = "INSERT INTO acts (id, time, act, principal, environment, change, body) \
                   SELECT coalesce(max(id), 0) + 1, ?, ?, '', ?, ?, '' FROM acts RETURNING id";
        let id: i64 = query(add)
            .bind(new.time.as_microsecond())
            .bind(new.act.as_str())
            .bind(new.environment.as_ref().map(EnvironmentName::as_str))
            .bind(change.cast_signed())
            .value(self.sql())
            .await?;
        let act = new.record(id, origin);
        query("UPDATE acts SET principal = ?, body = ? WHERE id = ?")
            .bind(&act.principal)
            .bind(columns::json(&act)?)
            .bind(id)
            .execute(self.sql())
            .await?;
        Ok(())
    }
}

type ActRow = (i64, i64, String);

impl Ledger {
    /// Records an act that changes nothing else here.
    pub async fn record_act(&self, new: NewAct, origin: ActOrigin) -> Result<(), LedgerError> {
        let _timed = self.timed(LedgerVerb::RecordAct);
        let mut writing = self.begin(Some(new.time)).await?;
        writing.act(new, origin).await?;
        self.commit(writing).await
    }

    /// Acts, those that `wanted` holds for: what it leaves out does not count towards the
    /// limit.
    pub async fn acts_where(
        &self,
        filter: &ActFilter,
        wanted: impl Fn(&RecordedAct) -> bool,
    ) -> Result<Vec<RecordedAct>, LedgerError> {
        let matching = "SELECT id, change, body FROM acts \
                        WHERE id < ? AND time >= ? AND time < ? \
                        AND (? IS NULL OR environment = ?) AND act = coalesce(?, act) \
                        AND principal = coalesce(?, principal) ORDER BY id DESC";
        let environment = filter.environment.as_ref().map(EnvironmentName::as_str);
        let acts = query(matching)
            .bind(filter.before.unwrap_or(i64::MAX))
            .bind(columns::micros(filter.since).unwrap_or(i64::MIN))
            .bind(columns::micros(filter.until).unwrap_or(i64::MAX))
            .bind(environment)
            .bind(environment)
            .bind(filter.act.map(ActKind::as_str))
            .bind(filter.principal.as_deref());
        let limit = filter.limit.unwrap_or(MAX_ACTS_READ).min(MAX_ACTS_READ);
        let read = |row: ActRow| self.recorded(row);
        acts.first(limit, &self.readers, read, wanted).await
    }

    /// The oldest acts that the audit log lacks, at most `limit`.
    pub async fn acts_to_log(&self, limit: u32) -> Result<Vec<RecordedAct>, LedgerError> {
        let next = "SELECT id, change, body FROM acts \
                    WHERE id > (SELECT logged_act FROM identity) ORDER BY id LIMIT ?";
        let rows: Vec<ActRow> = query(next).bind(limit).all(&self.readers).await?;
        rows.into_iter().map(|row| self.recorded(row)).collect()
    }

    /// The number of the newest act; 0: there is none.
    ///
    /// # Errors
    /// [`LedgerError`] where the records cannot be read.
    pub async fn newest_act(&self) -> Result<i64, LedgerError> {
        let newest = query("SELECT coalesce(max(id), 0) FROM acts");
        Ok(newest.value(&self.readers).await?)
    }

    /// The acts behind that number, the oldest first, at most `limit`.
    ///
    /// # Errors
    /// [`LedgerError`] where the records cannot be read.
    pub async fn acts_behind(
        &self,
        number: i64,
        limit: u32,
    ) -> Result<Vec<RecordedAct>, LedgerError> {
        let next = "SELECT id, change, body FROM acts WHERE id > ? ORDER BY id LIMIT ?";
        let next = query(next).bind(number).bind(limit);
        let rows: Vec<ActRow> = next.all(&self.readers).await?;
        rows.into_iter().map(|row| self.recorded(row)).collect()
    }

    /// Notes that the audit log has all acts up to that number.
    pub async fn acts_logged(&self, number: i64) -> Result<(), LedgerError> {
        let mut writing = self.begin(None).await?;
        query("UPDATE identity SET logged_act = ?1 WHERE logged_act < ?1")
            .bind(number)
            .execute(writing.sql())
            .await?;
        self.commit(writing).await
    }

    fn recorded(&self, (number, change, body): ActRow) -> Result<RecordedAct, LedgerError> {
        Ok(RecordedAct {
            number,
            act: columns::body(&body)?,
            mark: LedgerMark {
                id: self.id.clone(),
                change: columns::unsigned(change)?,
            },
        })
    }
}
