//! Revocations, and their undoing; both stay on record.

use jiff::Timestamp;

use super::acts::NewAct;
use super::attributed::Attributed;
use super::change::LedgerChange;
use super::{Ledger, LedgerError, columns};
use crate::metrics::LedgerVerb;
use crate::oci::{Digest, RepositoryGlobs};
use crate::trust::{ActKind, EnvironmentName, Revocation};

/// Trust that is to be taken back.
#[derive(Clone, Debug)]
pub struct NewRevocation {
    pub digest: Digest,
    /// `None`: in all of them.
    pub environment: Option<EnvironmentName>,
    /// None: in all of them.
    pub repositories: RepositoryGlobs,
    pub revoker: String,
    pub revoked_at: Timestamp,
    pub reason: String,
}

/// A revocation that is to be undone.
#[derive(Clone, Debug)]
pub struct Reinstatement {
    pub digest: Digest,
    /// As it was revoked: one for everywhere is not undone for one environment.
    pub environment: Option<EnvironmentName>,
    /// As it was revoked; a token for all repositories (none listed) also undoes narrower
    /// revocations.
    pub repositories: RepositoryGlobs,
    pub by: String,
    pub at: Timestamp,
    pub reason: String,
}

impl NewRevocation {
    fn act(self, id: i64) -> NewAct {
        NewAct {
            principal: Some(self.revoker),
            environment: self.environment,
            digest: Some(self.digest),
            subject: Some(format!("revocation:{id}")),
            detail: reach(&self.repositories),
            reason: Some(self.reason),
            ..NewAct::new(ActKind::Revoke, self.revoked_at)
        }
    }
}

impl Reinstatement {
    fn act(self, ended: u64) -> NewAct {
        NewAct {
            principal: Some(self.by),
            environment: self.environment,
            digest: Some(self.digest),
            detail: format!("{ended} revocation(s) ended; {}", reach(&self.repositories)),
            reason: Some(self.reason),
            ..NewAct::new(ActKind::Reinstate, self.at)
        }
    }
}

fn reach(repositories: &RepositoryGlobs) -> String {
    match repositories.written() {
        [] => "in every repository".to_owned(),
        some => format!("in {}", some.join(", ")),
    }
}

/// All revocations that hold.
pub(super) const SELECT_ACTIVE_REVOCATIONS: &str =
    "SELECT * FROM revocations WHERE reinstated_at IS NULL ORDER BY id";

#[derive(sqlx::FromRow)]
pub(super) struct RevocationRow {
    id: i64,
    digest: String,
    environment: Option<String>,
    repositories: String,
    revoker: String,
    revoked_at: i64,
    reason: String,
}

pub(super) fn revocation(row: RevocationRow) -> Result<Revocation, LedgerError> {
    Ok(Revocation {
        id: row.id,
        digest: columns::text(&row.digest)?,
        environment: row.environment.as_deref().map(columns::text).transpose()?,
        repositories: columns::body(&row.repositories)?,
        revoker: row.revoker,
        revoked_at: columns::time(row.revoked_at)?,
        reason: row.reason,
    })
}

impl Ledger {
    /// Records a revocation and returns its id. Once it returns, no remembered
    /// verdict passes what it reaches.
    ///
    /// # Errors
    /// [`LedgerError`] where it cannot be written; then nothing of it is.
    pub async fn revoke(
        &self,
        new: impl Into<Attributed<NewRevocation>>,
    ) -> Result<i64, LedgerError> {
        let Attributed { what: new, origin } = new.into();
        let _timed = self.timed(LedgerVerb::Revoke);
        let mut writing = self.begin(Some(new.revoked_at)).await?;
        let add = "INSERT INTO revocations \
                   (digest, environment, repositories, revoker, revoked_at, reason) \
                   VALUES (?, ?, ?, ?, ?, ?) RETURNING id";
        let id: i64 = sqlx::query_scalar(add)
            .bind(new.digest.to_string())
            .bind(new.environment.as_ref().map(EnvironmentName::as_str))
            .bind(columns::json(&new.repositories)?)
            .bind(&new.revoker)
            .bind(new.revoked_at.as_microsecond())
            .bind(&new.reason)
            .fetch_one(writing.sql())
            .await?;
        let digest = new.digest.clone();
        writing.note(LedgerChange::Revocation(digest)).await?;
        writing.act(new.act(id), origin).await?;
        self.commit(writing).await?;
        Ok(id)
    }

    /// Undoes what was revoked for exactly this digest and environment, and these
    /// repositories unless they are all; returns how many revocations that were.
    ///
    /// # Errors
    /// [`LedgerError`] where it cannot be written; then nothing of it is.
    pub async fn reinstate(
        &self,
        undo: impl Into<Attributed<Reinstatement>>,
    ) -> Result<u64, LedgerError> {
        let Attributed { what: undo, origin } = undo.into();
        let _timed = self.timed(LedgerVerb::Reinstate);
        let mut writing = self.begin(Some(undo.at)).await?;
        let update = "UPDATE revocations \
                      SET reinstated_at = ?, reinstated_by = ?, reinstated_reason = ? \
                      WHERE digest = ? AND environment IS ? AND reinstated_at IS NULL \
                      AND ? IN ('[]', repositories)";
        let undone = sqlx::query(update)
            .bind(undo.at.as_microsecond())
            .bind(&undo.by)
            .bind(&undo.reason)
            .bind(undo.digest.to_string())
            .bind(undo.environment.as_ref().map(EnvironmentName::as_str))
            .bind(columns::json(&undo.repositories)?)
            .execute(writing.sql())
            .await?
            .rows_affected();
        if undone > 0 {
            let digest = undo.digest.clone();
            writing.note(LedgerChange::Revocation(digest)).await?;
            writing.act(undo.act(undone), origin).await?;
        }
        self.commit(writing).await?;
        Ok(undone)
    }

    pub(super) async fn active_revocations<'a>(
        &self,
        digests: impl IntoIterator<Item = &'a Digest>,
    ) -> Result<Vec<Revocation>, LedgerError> {
        let of = "SELECT * FROM revocations WHERE reinstated_at IS NULL \
                  AND digest IN (SELECT value FROM json_each(?)) ORDER BY id";
        let rows: Vec<RevocationRow> = sqlx::query_as(of)
            .bind(columns::list(digests))
            .fetch_all(&self.readers)
            .await?;
        rows.into_iter().map(revocation).collect()
    }
}
