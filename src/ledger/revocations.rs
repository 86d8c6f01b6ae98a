//! Revocations, and their undoing; both stay on record, as acts.

use jiff::Timestamp;

use super::acts::NewAct;
use super::attributed::Attributed;
use super::change::LedgerChange;
use super::sql::{query, row};
use super::tokens::refuse_revoked;
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
            detail: format!("{ended}{ENDED}{}", reach(&self.repositories)),
            reason: Some(self.reason),
            ..NewAct::new(ActKind::Reinstate, self.at)
        }
    }
}

const EVERYWHERE: &str = "in every repository";
/// What is told of a reinstatement before the repositories.
const ENDED: &str = " revocation(s) ended; ";

fn reach(repositories: &RepositoryGlobs) -> String {
    match repositories.written() {
        [] => EVERYWHERE.to_owned(),
        some => format!("in {}", some.join(", ")),
    }
}

/// The repositories in the record of a revocation; `None` where it says none.
pub(super) fn read_reach(written: &str) -> Option<RepositoryGlobs> {
    if written == EVERYWHERE {
        return Some(RepositoryGlobs::none());
    }
    let globs = written.strip_prefix("in ")?.split(", ").map(str::to_owned);
    RepositoryGlobs::new(globs.collect()).ok()
}

/// The repositories, as they are written in the record of a reinstatement.
pub(super) fn reinstated_reach(detail: &str) -> Option<&str> {
    detail.split_once(ENDED).map(|(_, reach)| reach)
}

/// All revocations that hold.
pub(super) const SELECT_ACTIVE_REVOCATIONS: &str = "SELECT id, digest, environment, repositories, revoker, revoked_at, reason \
     FROM revocations WHERE reinstated_at IS NULL ORDER BY id";

row! {
    pub(super) struct RevocationRow {
        id: i64,
        digest: String,
        environment: Option<String>,
        repositories: String,
        revoker: String,
        revoked_at: i64,
        reason: String,
    }
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
        let id: i64 = query(add)
            .bind(new.digest.to_string())
            .bind(new.environment.as_ref().map(EnvironmentName::as_str))
            .bind(columns::json(&new.repositories)?)
            .bind(&new.revoker)
            .bind(new.revoked_at.as_microsecond())
            .bind(&new.reason)
            .value(writing.sql())
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
        refuse_revoked(writing.sql(), &undo.by).await?;
        let update = "UPDATE revocations \
                      SET reinstated_at = ?, reinstated_by = ?, reinstated_reason = ? \
                      WHERE digest = ? AND environment IS NOT DISTINCT FROM ? AND reinstated_at IS NULL \
                      AND ? IN ('[]', repositories)";
        let undone = query(update)
            .bind(undo.at.as_microsecond())
            .bind(&undo.by)
            .bind(&undo.reason)
            .bind(undo.digest.to_string())
            .bind(undo.environment.as_ref().map(EnvironmentName::as_str))
            .bind(columns::json(&undo.repositories)?)
            .execute(writing.sql())
            .await?;
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
        let of = "SELECT id, digest, environment, repositories, revoker, revoked_at, reason \
                  FROM revocations WHERE reinstated_at IS NULL \
                  AND digest IN (SELECT value FROM json_each(?)) ORDER BY id";
        let rows: Vec<RevocationRow> = query(of)
            .bind(columns::list(digests))
            .all(&self.readers)
            .await?;
        rows.into_iter().map(revocation).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repositories_in_a_record_are_read_as_they_were_written() {
        let some = ["a.b/**", "c.d/team/{x,y}"].map(str::to_owned).to_vec();
        for globs in [RepositoryGlobs::none(), RepositoryGlobs::new(some).unwrap()] {
            let told = format!("2{ENDED}{}", reach(&globs));
            let read = reinstated_reach(&told).and_then(read_reach).unwrap();
            assert_eq!(read.written(), globs.written());
        }
        assert!(read_reach("everywhere").is_none() && read_reach("").is_none());
    }
}
