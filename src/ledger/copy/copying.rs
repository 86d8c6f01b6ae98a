//! The copy from its beginning to its end. The target shows all of it or nothing: it is
//! written, read again and compared in one transaction. Only then is the source marked.

use futures_util::TryStreamExt;
use sqlx::AssertSqlSafe;

use super::cell::{CopyRow, canonical};
use super::end::{CopyEnd, EndConnection};
use super::fingerprint::TableFingerprint;
use super::shape::CopyTable;
use crate::ledger::{LedgerError, LedgerLocation, REPLICA_LIVES_FOR};

/// What the identity of a ledger begins with that was moved elsewhere.
pub const MOVED: &str = "moved:";

/// Rows that travel together, at most.
const ROWS_AT_ONCE: usize = 2000;
/// Values of one statement in SQLite, at most (<https://sqlite.org/limits.html>, 9).
const VALUES_AT_ONCE: usize = 32_766;

/// How far it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopyProgress<'a> {
    pub table: &'a str,
    pub stage: CopyStage,
    /// Of all tables.
    pub rows: u64,
    pub of: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyStage {
    Copying,
    Verifying,
}

/// What was copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopiedLedger {
    pub tables: usize,
    pub rows: u64,
}

/// Tables with the same columns, in the order of the source's.
struct Pair {
    from: CopyTable,
    to: CopyTable,
    fingerprint: TableFingerprint,
}

/// Copies the ledger at `from` to `to`, which holds none, compares what came with what was
/// sent, and marks the source: it is not opened any more. It has no `serve` meanwhile.
///
/// # Errors
/// [`LedgerError`] where one of them cannot be used, the target is not empty, or it holds
/// something else in the end. Then the target is as empty as before, and the source is
/// untouched.
pub async fn copy_ledger(
    from: &LedgerLocation,
    to: &LedgerLocation,
    told: impl FnMut(CopyProgress<'_>),
) -> Result<CopiedLedger, LedgerError> {
    if !from.holds_ledger().await? {
        return Err(LedgerError::NoLedger(from.written()));
    }
    let (mut source, mut target) = (CopyEnd::open(from).await?, CopyEnd::open(to).await?);
    source.hold().await?;
    target.hold().await?;
    source.is_not_moved().await?;
    source.is_not_served().await?;
    target.is_not_served().await?;
    let pairs = pairs(&mut source, &mut target).await?;
    let mut copying = Copying {
        source,
        target,
        told,
        rows: 0,
        of: 0,
    };
    let copied = copying.all(pairs).await?;
    let Copying { source, target, .. } = copying;
    target.close().await?;
    source.close().await?;
    Ok(copied)
}

async fn pairs(source: &mut CopyEnd, target: &mut CopyEnd) -> Result<Vec<Pair>, LedgerError> {
    let there = target.tables().await?;
    let mut pairs = Vec::new();
    for table in source.tables().await? {
        let other = there.iter().find(|other| other.name == table.name);
        let missing = || LedgerError::Damaged(format!("the target has no table {}", table.name));
        let other = other.ok_or_else(missing)?;
        if !table.is_single && target.count(other).await? > 0 {
            return Err(LedgerError::NotEmpty(table.name));
        }
        let from = table.shared_with(other);
        pairs.push(Pair {
            to: from.as_in(other),
            from,
            fingerprint: TableFingerprint::default(),
        });
    }
    Ok(pairs)
}

struct Copying<F> {
    source: CopyEnd,
    target: CopyEnd,
    told: F,
    rows: u64,
    of: u64,
}

impl<F: FnMut(CopyProgress<'_>)> Copying<F> {
    async fn all(&mut self, mut pairs: Vec<Pair>) -> Result<CopiedLedger, LedgerError> {
        for pair in &pairs {
            self.of += self.source.count(&pair.from).await?;
        }
        for pair in &mut pairs {
            self.copy(pair).await?;
        }
        let newest = self.source.newest_change().await?;
        self.target.end_counting(newest).await?;
        for (table, last) in self.source.last_numbers().await? {
            self.target.number_behind(&table, last).await?;
        }
        self.rows = 0;
        for pair in &pairs {
            self.compare(pair).await?;
        }
        // A source that is lost meanwhile is found here, while the target is still empty.
        let mark = format!("UPDATE identity SET id = '{MOVED}' || id");
        self.source.run(&mark).await?;
        self.target.run("COMMIT").await?;
        self.source.run("COMMIT").await?;
        Ok(CopiedLedger {
            tables: pairs.len(),
            rows: self.rows,
        })
    }

    async fn copy(&mut self, pair: &mut Pair) -> Result<(), LedgerError> {
        let rows = self.source.rows(&pair.from);
        let fitting = VALUES_AT_ONCE / pair.from.columns.len().max(1);
        let mut batches = rows.try_chunks(ROWS_AT_ONCE.min(fitting));
        while let Some(batch) = batches.try_next().await.map_err(|failed| failed.1)? {
            let batch = batch.into_iter().map(|row| canonical(&pair.from, row));
            let batch: Vec<CopyRow> = batch.inspect(|row| pair.fingerprint.add(row)).collect();
            self.rows += batch.len() as u64;
            self.target.put(&pair.to, batch).await?;
            (self.told)(CopyProgress {
                table: &pair.from.name,
                stage: CopyStage::Copying,
                rows: self.rows,
                of: self.of,
            });
        }
        Ok(())
    }

    async fn compare(&mut self, pair: &Pair) -> Result<(), LedgerError> {
        let mut found = TableFingerprint::default();
        let mut rows = self.target.rows(&pair.to);
        while let Some(row) = rows.try_next().await? {
            found.add(&canonical(&pair.to, row));
        }
        self.rows += found.rows;
        (self.told)(CopyProgress {
            table: &pair.to.name,
            stage: CopyStage::Verifying,
            rows: self.rows,
            of: self.of,
        });
        match found == pair.fingerprint {
            true => Ok(()),
            false => Err(LedgerError::Damaged(format!(
                "the copy of {} holds something else: rows: {}, of {}",
                pair.from.name, found.rows, pair.fingerprint.rows
            ))),
        }
    }
}

impl CopyEnd {
    async fn count(&mut self, table: &CopyTable) -> Result<u64, LedgerError> {
        let count = format!("SELECT count(*) FROM \"{}\"", table.name);
        Ok(self.number(&count).await?.unsigned_abs())
    }

    async fn is_not_moved(&mut self) -> Result<(), LedgerError> {
        let moved = format!("SELECT count(*) FROM identity WHERE id LIKE '{MOVED}%'");
        match self.number(&moved).await? {
            0 => Ok(()),
            _ => Err(LedgerError::Moved),
        }
    }

    /// A file is locked by who serves it; on a server each tells of itself.
    async fn is_not_served(&mut self) -> Result<(), LedgerError> {
        let EndConnection::Postgres(sql) = &mut self.connection else {
            return Ok(());
        };
        let live = format!(
            "SELECT name FROM replicas WHERE seen > \
             (extract(epoch FROM clock_timestamp()) * 1000000)::bigint - {} LIMIT 1",
            REPLICA_LIVES_FOR.as_micros()
        );
        let live: Option<String> = sqlx::query_scalar(AssertSqlSafe(live))
            .fetch_optional(sql)
            .await?;
        live.map_or(Ok(()), |name| Err(LedgerError::ServedBy(name)))
    }
}
