//! Filling the index from SQL: what is few and must be whole at once, the rest in batches
//! while the ledger answers already (see `recall`).

use std::sync::Arc;

use super::change::PromotedTag;
use super::index::Tables;
use super::load_cursor::{LoadCursor, LoadedPart};
use super::overrides::load_overrides;
use super::revocations::{SELECT_ACTIVE_REVOCATIONS, revocation};
use super::sql::{OpenTransaction, SqlConnection, either, query, row};
use super::token_holders::{SELECT_VALID_TOKENS, TokenRow};
use super::{Ledger, LedgerError, columns};
use crate::oci::{Closure, Digest, Repository};

/// Rows that are read and put into memory in one turn: so long waits a write.
const ROWS_AT_ONCE: i64 = 1000;
/// Of closures, the largest of all rows, so many reads of so many are one turn.
const CLOSURE_READS_AT_ONCE: usize = 8;
const CLOSURES_A_READ: i64 = 250;
/// Bytes of closures that one read brings: a single one may have megabytes.
const CLOSURE_BYTES_A_READ: i64 = 4 << 20;

impl Ledger {
    /// Loads the index unless it is loaded.
    ///
    /// # Errors
    /// [`LedgerError`] where the records cannot be read; what was loaded stays, and the
    /// next call goes on from there.
    pub async fn load_once(&self) -> Result<(), LedgerError> {
        self.load_beyond(u64::MAX).await
    }

    /// Loads until at least so many rows are in memory, or all are.
    pub(super) async fn load_beyond(&self, rows: u64) -> Result<(), LedgerError> {
        while !self.index.is_complete() {
            let mut cursor = self.loading.lock().await;
            if self.index.is_begun() && cursor.rows >= rows {
                break;
            }
            self.load_batch(&mut cursor).await?;
        }
        Ok(())
    }

    /// Writes put nothing into memory meanwhile, so that what is read here is not older than
    /// what they put there.
    async fn load_batch(&self, cursor: &mut LoadCursor) -> Result<(), LedgerError> {
        let _turn = self.apply_turn.lock().await;
        if self.index.is_complete() {
            return Ok(());
        }
        if !self.index.is_begun() {
            *cursor = LoadCursor::default();
            return self.begin_to_load().await;
        }
        let tables = self.index.tables();
        let mut reading = self.readers.acquire().await?;
        let read = self.load_part(&tables, &cursor.part, &mut reading).await?;
        cursor.rows += read.rows;
        cursor.part = read.next;
        if matches!(cursor.part, LoadedPart::Done) {
            self.index.complete();
        }
        Ok(())
    }

    /// What revokes, overrides and authenticates: all of it, before anything is judged.
    async fn begin_to_load(&self) -> Result<(), LedgerError> {
        let mut snapshot = OpenTransaction::read(&self.readers).await?;
        let sql = snapshot.sql();
        let seq = newest_seq(sql).await?;
        let tables = Tables::new(self.config.verdict_bytes, seq);
        load_few(&tables, sql).await?;
        snapshot.commit().await?;
        self.index.begin(tables, seq);
        Ok(())
    }

    /// Loads the index anew, in the place of what is in memory. The caller holds the turn.
    pub(super) async fn load(&self) -> Result<(), LedgerError> {
        let mut snapshot = OpenTransaction::read(&self.readers).await?;
        let sql = snapshot.sql();
        let seq = newest_seq(sql).await?;
        let tables = Arc::new(Tables::new(self.config.verdict_bytes, seq));
        load_few(&tables, sql).await?;
        let mut part = LoadedPart::default();
        while !matches!(part, LoadedPart::Done) {
            part = self.load_part(&tables, &part, sql).await?.next;
        }
        snapshot.commit().await?;
        self.index.replace(tables, seq);
        Ok(())
    }

    async fn load_part(
        &self,
        tables: &Arc<Tables>,
        part: &LoadedPart,
        sql: &mut SqlConnection,
    ) -> Result<LoadedRows, LedgerError> {
        let loaded = match part {
            LoadedPart::Closures(after) => self.load_closures(tables, *after, sql).await?,
            LoadedPart::Aliases(after) => load_aliases(tables, after, sql).await?,
            LoadedPart::Scans(after) => load_scanned(tables, *after, sql).await?,
            LoadedPart::Promotions(after) => load_promotions(tables, *after, sql).await?,
            LoadedPart::Done => LoadedRows::none(LoadedPart::Done),
        };
        sql.give_back_pages().await?;
        Ok(loaded)
    }

    /// Closures are parsed where nobody waits for the thread, and the next are read meanwhile.
    async fn load_closures(
        &self,
        tables: &Arc<Tables>,
        after: i64,
        sql: &mut SqlConnection,
    ) -> Result<LoadedRows, LedgerError> {
        let mut loaded = LoadedRows::none(LoadedPart::Closures(after));
        let mut rows = closures_after(after, sql).await?;
        for left in (0..CLOSURE_READS_AT_ONCE).rev() {
            let Some(last) = rows.last().map(|(place, _, _)| *place) else {
                loaded.next = LoadedPart::Aliases(String::new());
                break;
            };
            loaded.rows += rows.len() as u64;
            loaded.next = LoadedPart::Closures(last);
            let tables = Arc::clone(tables);
            let put = self.heavy.run(move || put_closures(&tables, &rows));
            let next = async {
                match left {
                    0 => Ok(Vec::new()),
                    _ => closures_after(last, sql).await,
                }
            };
            let (put, next) = tokio::join!(put, next);
            put.map_err(|why| LedgerError::unreadable("closures", why))??;
            rows = next?;
        }
        Ok(loaded)
    }
}

async fn closures_after(
    after: i64,
    sql: &mut SqlConnection,
) -> Result<Vec<ClosureRow>, LedgerError> {
    let lengths = either(
        "SELECT rowid, octet_length(body) FROM closures WHERE rowid > ? ORDER BY rowid LIMIT ?",
        "SELECT place, octet_length(body)::BIGINT FROM closures WHERE place > ? \
         ORDER BY place LIMIT ?",
    );
    let lengths = lengths.bind(after).bind(CLOSURES_A_READ).all(&mut *sql);
    let last = last_within(CLOSURE_BYTES_A_READ, &lengths.await?).unwrap_or(after);
    let next = either(
        "SELECT rowid, repository, body FROM closures WHERE rowid > ? AND rowid <= ? ORDER BY rowid",
        "SELECT place, repository, body FROM closures WHERE place > ? AND place <= ? ORDER BY place",
    );
    Ok(next.bind(after).bind(last).all(sql).await?)
}

/// The last of these rows, each with its bytes, that come to `limit` bytes at most; the first in
/// any case.
fn last_within(limit: i64, rows: &[(i64, i64)]) -> Option<i64> {
    let mut bytes: i64 = 0;
    let within = rows.iter().take_while(|(_, length)| {
        let is_first = bytes == 0;
        bytes = bytes.saturating_add(*length);
        is_first || bytes <= limit
    });
    within.map(|(place, _)| *place).last()
}

type ClosureRow = (i64, String, String);

/// What one batch brought, and what follows it.
struct LoadedRows {
    rows: u64,
    next: LoadedPart,
}

impl LoadedRows {
    fn none(next: LoadedPart) -> Self {
        Self { rows: 0, next }
    }
}

fn put_closures(tables: &Tables, rows: &[ClosureRow]) -> Result<(), LedgerError> {
    for (_, repository, body) in rows {
        let repository: Repository = columns::text(repository)?;
        let closure: Closure = columns::body(body)?;
        tables.note_named(closure.digests());
        tables.members.insert_missing(&repository, &closure);
    }
    Ok(())
}

/// The newest change ever made, pruned or not.
pub(super) async fn newest_seq(sql: &mut SqlConnection) -> Result<u64, LedgerError> {
    let newest = either(
        "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'changes'",
        "SELECT newest_change FROM identity",
    );
    columns::unsigned(newest.value(sql).await?)
}

async fn load_few(tables: &Tables, sql: &mut SqlConnection) -> Result<(), LedgerError> {
    load_revocations(tables, sql).await?;
    load_tokens(tables, sql).await?;
    load_overrides(tables, sql).await
}

async fn load_aliases(
    tables: &Tables,
    after: &str,
    sql: &mut SqlConnection,
) -> Result<LoadedRows, LedgerError> {
    let next = "SELECT sha256, sha512 FROM aliases WHERE sha256 > ? ORDER BY sha256 LIMIT ?";
    let rows: Vec<(String, String)> = query(next).bind(after).bind(ROWS_AT_ONCE).all(sql).await?;
    for (sha256, sha512) in &rows {
        let sha256: Digest = columns::text(sha256)?;
        tables.members.set_alias(&sha256, &columns::text(sha512)?);
    }
    let (count, last) = (rows.len() as u64, rows.into_iter().next_back());
    Ok(LoadedRows {
        rows: count,
        next: last.map_or(LoadedPart::Scans(i64::MIN), |(sha256, _)| {
            LoadedPart::Aliases(sha256)
        }),
    })
}

async fn load_scanned(
    tables: &Tables,
    after: i64,
    sql: &mut SqlConnection,
) -> Result<LoadedRows, LedgerError> {
    let next = "SELECT id, manifest FROM scans WHERE id > ? ORDER BY id LIMIT ?";
    let rows: Vec<(i64, String)> = query(next).bind(after).bind(ROWS_AT_ONCE).all(sql).await?;
    for (_, manifest) in &rows {
        tables.members.note(&columns::text(manifest)?);
    }
    Ok(LoadedRows {
        rows: rows.len() as u64,
        next: match rows.last() {
            Some((id, _)) => LoadedPart::Scans(*id),
            None => LoadedPart::Promotions(i64::MIN),
        },
    })
}

row! {
    struct PromotedRow {
        id: i64,
        environment: String,
        repository: String,
        tag: Option<String>,
        digest: String,
        withdrawn_at: Option<i64>,
    }
}

async fn load_promotions(
    tables: &Tables,
    after: i64,
    sql: &mut SqlConnection,
) -> Result<LoadedRows, LedgerError> {
    let next = "SELECT id, environment, repository, tag, digest, withdrawn_at FROM promotions \
                WHERE id > ? ORDER BY id LIMIT ?";
    let rows: Vec<PromotedRow> = query(next).bind(after).bind(ROWS_AT_ONCE).all(sql).await?;
    for row in &rows {
        let digest: Digest = columns::text(&row.digest)?;
        tables.members.note(&digest);
        if let (Some(tag), None) = (&row.tag, row.withdrawn_at) {
            let at = PromotedTag {
                environment: columns::text(&row.environment)?,
                repository: columns::text(&row.repository)?,
                tag: columns::text(tag)?,
            };
            tables.members.set_promoted(&at, Some(&digest));
        }
    }
    Ok(LoadedRows {
        rows: rows.len() as u64,
        next: rows
            .last()
            .map_or(LoadedPart::Done, |row| LoadedPart::Promotions(row.id)),
    })
}

/// With the other names of what is revoked: these are revoked as well.
async fn load_revocations(tables: &Tables, sql: &mut SqlConnection) -> Result<(), LedgerError> {
    for row in query(SELECT_ACTIVE_REVOCATIONS).all(&mut *sql).await? {
        let active = revocation(row)?;
        tables.members.note(&active.digest);
        tables.note_named([&active.digest]);
        let digest = active.digest.clone();
        tables.revoked.entry(digest).or_default().push(active);
    }
    let revoked: Vec<Digest> = tables.revoked.iter().map(|it| it.key().clone()).collect();
    tables.recall_aliases(&revoked, sql).await
}

async fn load_tokens(tables: &Tables, sql: &mut SqlConnection) -> Result<(), LedgerError> {
    for row in query(SELECT_VALID_TOKENS).all::<TokenRow>(sql).await? {
        let name = row.name.clone();
        tables.holders.set(&name, Some(row))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closures_are_read_by_their_bytes() {
        let rows = [(1, 30), (5, 40), (9, 50), (12, 10)];
        assert_eq!(last_within(100, &rows), Some(5));
        assert_eq!(last_within(130, &rows), Some(12));
        assert_eq!(
            last_within(10, &rows),
            Some(1),
            "one that is too large comes alone"
        );
        assert_eq!(last_within(100, &[]), None);
    }
}
