//! Filling the index from SQL: all of it, under one snapshot.

use std::sync::Arc;

use futures_util::TryStreamExt;

use super::change::PromotedTag;
use super::index::Tables;
use super::overrides::load_overrides;
use super::revocations::{SELECT_ACTIVE_REVOCATIONS, revocation};
use super::sql::{OpenTransaction, SqlConnection, either, query};
use super::token_holders::{SELECT_VALID_TOKENS, TokenRow};
use super::{Ledger, LedgerError, columns};
use crate::oci::{Digest, Repository};

impl Ledger {
    /// Loads the index unless it is loaded.
    ///
    /// # Errors
    /// [`LedgerError`] where the records cannot be read.
    pub async fn load_once(&self) -> Result<(), LedgerError> {
        if self.index.is_complete() {
            return Ok(());
        }
        let _turn = self.write_turn.lock().await;
        match self.index.is_complete() {
            true => Ok(()),
            false => self.load().await,
        }
    }

    /// Loads the index anew. The caller holds the turn.
    pub(super) async fn load(&self) -> Result<(), LedgerError> {
        let mut snapshot = OpenTransaction::read(&self.readers).await?;
        let sql = snapshot.sql();
        let seq = newest_seq(sql).await?;
        let tables = Tables::new(self.config.verdict_bytes, seq);
        load_closures(&tables, sql).await?;
        load_aliases(&tables, sql).await?;
        load_subjects(&tables, sql).await?;
        load_revocations(&tables, sql).await?;
        load_promoted(&tables, sql).await?;
        load_tokens(&tables, sql).await?;
        load_overrides(&tables, sql).await?;
        snapshot.commit().await?;
        self.index.replace(tables, seq);
        Ok(())
    }
}

/// The newest change ever made, pruned or not.
pub(super) async fn newest_seq(sql: &mut SqlConnection) -> Result<u64, LedgerError> {
    let newest = either(
        "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'changes'",
        "SELECT newest_change FROM identity",
    );
    columns::unsigned(newest.value(sql).await?)
}

async fn load_closures(tables: &Tables, sql: &mut SqlConnection) -> Result<(), LedgerError> {
    let all = either(
        "SELECT repository, body FROM closures ORDER BY rowid",
        "SELECT repository, body FROM closures ORDER BY place",
    );
    let mut rows = all.rows::<(String, String)>(sql);
    while let Some((repository, body)) = rows.try_next().await? {
        let repository: Repository = columns::text(&repository)?;
        let closure = Arc::new(columns::body(&body)?);
        tables.members.insert(&repository, closure);
    }
    Ok(())
}

async fn load_aliases(tables: &Tables, sql: &mut SqlConnection) -> Result<(), LedgerError> {
    let mut rows = query("SELECT sha256, sha512 FROM aliases").rows::<(String, String)>(sql);
    while let Some((sha256, sha512)) = rows.try_next().await? {
        let sha256: Digest = columns::text(&sha256)?;
        tables.members.set_alias(&sha256, &columns::text(&sha512)?);
    }
    Ok(())
}

async fn load_subjects(tables: &Tables, sql: &mut SqlConnection) -> Result<(), LedgerError> {
    let all = "SELECT manifest FROM scans UNION SELECT digest FROM promotions";
    let mut rows = query(all).rows::<(String,)>(sql);
    while let Some((digest,)) = rows.try_next().await? {
        tables.members.note(&columns::text(&digest)?);
    }
    Ok(())
}

async fn load_revocations(tables: &Tables, sql: &mut SqlConnection) -> Result<(), LedgerError> {
    for row in query(SELECT_ACTIVE_REVOCATIONS).all(sql).await? {
        let active = revocation(row)?;
        tables.members.note(&active.digest);
        let digest = active.digest.clone();
        tables.revoked.entry(digest).or_default().push(active);
    }
    Ok(())
}

async fn load_promoted(tables: &Tables, sql: &mut SqlConnection) -> Result<(), LedgerError> {
    let by_id = "SELECT environment, repository, tag, digest FROM promotions \
                 WHERE withdrawn_at IS NULL AND tag IS NOT NULL ORDER BY id";
    let mut rows = query(by_id).rows::<(String, String, String, String)>(sql);
    while let Some((environment, repository, tag, digest)) = rows.try_next().await? {
        let at = PromotedTag {
            environment: columns::text(&environment)?,
            repository: columns::text(&repository)?,
            tag: columns::text(&tag)?,
        };
        tables.promoted.insert(at, columns::text(&digest)?);
    }
    Ok(())
}

async fn load_tokens(tables: &Tables, sql: &mut SqlConnection) -> Result<(), LedgerError> {
    for row in query(SELECT_VALID_TOKENS).all::<TokenRow>(sql).await? {
        let name = row.name.clone();
        tables.holders.set(&name, Some(row))?;
    }
    Ok(())
}
