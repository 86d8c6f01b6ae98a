//! What is to be told to people, and how far that was read: kept so that a restart loses
//! nothing of it and repeats little.

use jiff::Timestamp;

use super::sql::{query, row};
use super::write::WriteTransaction;
use super::{Ledger, LedgerError, columns};

/// What was told once is remembered for so many things; the oldest go first.
const MAX_TOLD: u32 = 50_000;

/// Which message: one waits for each.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NoticeKey {
    /// Name of who is told.
    pub target: String,
    /// Word for what it is about.
    pub kind: String,
    /// Empty: of none.
    pub environment: String,
}

/// A message that gathers, or was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingNotice {
    pub key: NoticeKey,
    /// How many things it tells of.
    pub count: u64,
    /// Some of them, as JSON.
    pub samples: String,
    pub opened_at: Timestamp,
    pub due_at: Timestamp,
    /// How often it was tried in vain.
    pub attempts: u32,
    /// When the one before it was sent.
    pub sent_at: Option<Timestamp>,
    /// Of its record, as it was read; 0: it has none yet.
    pub version: i64,
}

/// What was read of the sources, written in one step.
#[derive(Clone, Debug, Default)]
pub struct NoticeBatch {
    /// A source, with the position that it was read behind (`None`: never) and the one up
    /// to which it was read.
    pub cursor: Option<(&'static str, Option<i64>, i64)>,
    /// What is told now.
    pub told: Vec<(String, Timestamp)>,
    /// Messages, as they stand by now.
    pub pending: Vec<PendingNotice>,
}

row! {
    struct NoticeRow {
        target: String,
        kind: String,
        environment: String,
        count: i64,
        samples: String,
        opened_at: i64,
        due_at: i64,
        attempts: i64,
        sent_at: Option<i64>,
        version: i64,
    }
}

impl NoticeRow {
    fn read(self) -> Result<PendingNotice, LedgerError> {
        let key = NoticeKey {
            target: self.target,
            kind: self.kind,
            environment: self.environment,
        };
        Ok(PendingNotice {
            key,
            count: columns::unsigned(self.count)?,
            samples: self.samples,
            opened_at: columns::time(self.opened_at)?,
            due_at: columns::time(self.due_at)?,
            attempts: u32::try_from(self.attempts).unwrap_or(u32::MAX),
            sent_at: columns::time_if(self.sent_at)?,
            version: self.version,
        })
    }
}

impl Ledger {
    /// How far a source was read; `None`: never.
    ///
    /// # Errors
    /// [`LedgerError`] where the records cannot be read.
    pub async fn notice_cursor(&self, source: &str) -> Result<Option<i64>, LedgerError> {
        let of = query("SELECT position FROM notice_cursors WHERE source = ?").bind(source);
        let position = of.optional::<(i64,)>(&self.readers).await?;
        Ok(position.map(|(position,)| position))
    }

    /// Whether it was told since then.
    ///
    /// # Errors
    /// [`LedgerError`] where the records cannot be read.
    pub async fn was_told(&self, what: &str, since: Timestamp) -> Result<bool, LedgerError> {
        let of = "SELECT count(*) FROM notice_told WHERE what = ? AND at >= ?";
        let count: i64 = query(of)
            .bind(what)
            .bind(since.as_microsecond())
            .value(&self.readers)
            .await?;
        Ok(count > 0)
    }

    /// Every message, those that were sent too. As many as there are targets, kinds and
    /// environments.
    ///
    /// # Errors
    /// [`LedgerError`] where the records cannot be read.
    pub async fn notices(&self) -> Result<Vec<PendingNotice>, LedgerError> {
        let all = "SELECT target, kind, environment, count, samples, opened_at, due_at, \
                   attempts, sent_at, version FROM notices ORDER BY target, kind, environment";
        let rows: Vec<NoticeRow> = query(all).all(&self.readers).await?;
        rows.into_iter().map(NoticeRow::read).collect()
    }

    /// Writes what was read of the sources, with how far that was. `false`: another process
    /// was first with some of it, and nothing is written.
    ///
    /// # Errors
    /// [`LedgerError`] where it cannot be written; then nothing of it is.
    pub async fn keep_notices(&self, batch: &NoticeBatch) -> Result<bool, LedgerError> {
        let mut writing = self.begin(None).await?;
        if let Some(cursor) = batch.cursor
            && !move_cursor(&mut writing, cursor).await?
        {
            return Ok(false);
        }
        for (what, at) in &batch.told {
            let put = "INSERT INTO notice_told (what, at) VALUES (?, ?) \
                       ON CONFLICT (what) DO UPDATE SET at = excluded.at";
            query(put)
                .bind(what)
                .bind(at.as_microsecond())
                .execute(writing.sql())
                .await?;
        }
        for pending in &batch.pending {
            if !put_notice(&mut writing, pending).await? {
                return Ok(false);
            }
        }
        self.commit(writing).await?;
        Ok(true)
    }

    /// Forgets what was told before that time, and what is more than is remembered.
    ///
    /// # Errors
    /// [`LedgerError`] where it cannot be written; then nothing of it is.
    pub async fn prune_told(&self, before: Timestamp) -> Result<(), LedgerError> {
        let mut writing = self.begin(None).await?;
        let forget = "DELETE FROM notice_told WHERE at < ? OR at < \
                      (SELECT at FROM notice_told ORDER BY at DESC LIMIT 1 OFFSET ?)";
        query(forget)
            .bind(before.as_microsecond())
            .bind(MAX_TOLD)
            .execute(writing.sql())
            .await?;
        self.commit(writing).await
    }
}

/// Whether it stood where it was read.
async fn move_cursor(
    writing: &mut WriteTransaction<'_>,
    (source, before, after): (&'static str, Option<i64>, i64),
) -> Result<bool, LedgerError> {
    let moved = match before {
        None => {
            let put = "INSERT INTO notice_cursors (source, position) VALUES (?, ?) \
                       ON CONFLICT (source) DO NOTHING";
            query(put).bind(source).bind(after)
        }
        Some(before) => {
            let put = "UPDATE notice_cursors SET position = ? WHERE source = ? AND position = ?";
            query(put).bind(after).bind(source).bind(before)
        }
    };
    Ok(moved.execute(writing.sql()).await? == 1)
}

/// Whether it is as it was read.
async fn put_notice(
    writing: &mut WriteTransaction<'_>,
    pending: &PendingNotice,
) -> Result<bool, LedgerError> {
    let put = "INSERT INTO notices (target, kind, environment, count, samples, opened_at, \
               due_at, attempts, sent_at, version) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 1) \
               ON CONFLICT (target, kind, environment) DO UPDATE SET count = excluded.count, \
               samples = excluded.samples, opened_at = excluded.opened_at, \
               due_at = excluded.due_at, attempts = excluded.attempts, \
               sent_at = excluded.sent_at, version = notices.version + 1 \
               WHERE notices.version = ?10";
    let put = query(put)
        .bind(&pending.key.target)
        .bind(&pending.key.kind)
        .bind(&pending.key.environment)
        .bind(i64::try_from(pending.count).unwrap_or(i64::MAX))
        .bind(&pending.samples)
        .bind(pending.opened_at.as_microsecond())
        .bind(pending.due_at.as_microsecond())
        .bind(pending.attempts)
        .bind(columns::micros(pending.sent_at))
        .bind(pending.version);
    Ok(put.execute(writing.sql()).await? == 1)
}
