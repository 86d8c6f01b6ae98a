//! Doing again what the audit log tells and a ledger from a backup lacks, in one
//! transaction. What takes trust away is in force before anything is served.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

use super::acts::NewAct;
use super::attributed::ActOrigin;
use super::change::LedgerChange;
use super::missing_acts::{MissingActs, RestorePoint, token_name};
use super::overrides::LIFTS_REVOCATION;
use super::revocations::{read_reach, reinstated_reach};
use super::sql::query;
use super::withdraw::{WITHDRAWN, withdraw};
use super::write::WriteTransaction;
use super::{Ledger, LedgerError, columns};
use crate::oci::Digest;
use crate::random;
use crate::trust::{Act, ActKind, BreakGlass, EnvironmentName, TimedMode};

/// A log that was not longer for this time, when another still was, is of a replica that
/// had ended: it tells of nothing that came later.
const LOG_MAY_GO_ON: SignedDuration = SignedDuration::from_hours(7 * 24);

/// What the ids of overrides were, and what they are now.
type NewIds = HashMap<i64, i64>;

impl Ledger {
    /// How far it has come, for who looks for what came later.
    ///
    /// # Errors
    /// [`LedgerError`] where the records cannot be read.
    pub async fn restore_point(&self) -> Result<RestorePoint, LedgerError> {
        let newest = "SELECT coalesce(max(id), 0) FROM acts";
        let mut logs = self.audit_seals().await?;
        let last = logs.iter().map(|seal| seal.at).max().unwrap_or_default();
        logs.retain(|seal| last.duration_since(seal.at) <= LOG_MAY_GO_ON);
        Ok(RestorePoint {
            logs,
            mark: self.mark(),
            newest_act: query(newest).value(&self.readers).await?,
            newest: self.newest_time(),
        })
    }

    /// Does what is missing once more, and goes on as a ledger of its own: who finds the
    /// older one again refuses it.
    ///
    /// # Errors
    /// [`LedgerError`] where an act says too little, or it cannot be written; then nothing
    /// of it is.
    pub async fn replay(
        &mut self,
        missing: &MissingActs,
        now: Timestamp,
    ) -> Result<(), LedgerError> {
        let id = hex::encode(random::bytes::<16>());
        let detail = format!(
            "from change {}; {} act(s) done again; lost: {}",
            self.mark().change,
            missing.again.len(),
            missing.lost
        );
        let mut writing = self.begin(Some(now)).await?;
        let mut ids = NewIds::new();
        for act in &missing.again {
            let change = writing.do_again(act, &mut ids, now).await?;
            writing.note(change).await?;
            writing.keep(act).await?;
        }
        // The log has those already.
        let renew = "UPDATE identity SET id = ?, \
                     logged_act = (SELECT coalesce(max(id), 0) FROM acts)";
        query(renew).bind(&id).execute(writing.sql()).await?;
        let restored = NewAct {
            detail,
            ..NewAct::new(ActKind::Restore, now)
        };
        writing.act(restored, ActOrigin::default()).await?;
        self.commit(writing).await?;
        self.id = id;
        Ok(())
    }
}

impl WriteTransaction<'_> {
    async fn do_again(
        &mut self,
        act: &Act,
        ids: &mut NewIds,
        now: Timestamp,
    ) -> Result<LedgerChange, LedgerError> {
        match act.act {
            ActKind::Revoke => self.revoke_again(act).await,
            ActKind::Reinstate => self.reinstate_again(act).await,
            ActKind::BreakGlass => self.let_through_again(act, ids, now).await,
            ActKind::BreakGlassEnd => self.end_break_glass_again(act, ids).await,
            ActKind::Mode => self.set_mode_again(act, now).await,
            ActKind::ModeEnd => self.end_modes_again(act).await,
            ActKind::TokenRevoke => self.revoke_token_again(act).await,
            _ => Ok(LedgerChange::Act),
        }
    }

    async fn revoke_again(&mut self, act: &Act) -> Result<LedgerChange, LedgerError> {
        let digest = digest(act)?;
        let add = "INSERT INTO revocations \
                   (digest, environment, repositories, revoker, revoked_at, reason) \
                   VALUES (?, ?, ?, ?, ?, ?)";
        query(add)
            .bind(digest.to_string())
            .bind(act.environment.as_ref().map(EnvironmentName::as_str))
            .bind(columns::json(&reach(act)?)?)
            .bind(&act.principal)
            .bind(act.time.as_microsecond())
            .bind(act.reason.as_deref().unwrap_or_default())
            .execute(self.sql())
            .await?;
        Ok(LedgerChange::Revocation(digest.clone()))
    }

    async fn reinstate_again(&mut self, act: &Act) -> Result<LedgerChange, LedgerError> {
        let digest = digest(act)?;
        let environment = act.environment.as_ref().map(EnvironmentName::as_str);
        let update = "UPDATE revocations \
                      SET reinstated_at = ?, reinstated_by = ?, reinstated_reason = ? \
                      WHERE digest = ? AND coalesce(environment, '') = ? \
                      AND reinstated_at IS NULL AND ? IN ('[]', repositories)";
        query(update)
            .bind(act.time.as_microsecond())
            .bind(&act.principal)
            .bind(act.reason.as_deref())
            .bind(digest.to_string())
            .bind(environment.unwrap_or_default())
            .bind(columns::json(&reach(act)?)?)
            .execute(self.sql())
            .await?;
        Ok(LedgerChange::Revocation(digest.clone()))
    }

    async fn let_through_again(
        &mut self,
        act: &Act,
        ids: &mut NewIds,
        now: Timestamp,
    ) -> Result<LedgerChange, LedgerError> {
        let digest = digest(act)?;
        let add = "INSERT INTO break_glass (environment, digest, image, ticket, reason, \
                   granted_by, granted_at, until, lifts_revocation) \
                   VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id";
        let id: i64 = query(add)
            .bind(environment(act)?.as_str())
            .bind(digest.to_string())
            .bind(act.image.as_deref())
            .bind(act.ticket.as_deref().unwrap_or_default())
            .bind(act.reason.as_deref().unwrap_or_default())
            .bind(&act.principal)
            .bind(act.time.as_microsecond())
            .bind(until(act, now)?)
            .bind(act.detail == LIFTS_REVOCATION)
            .value(self.sql())
            .await?;
        ids.insert(override_id(act)?, id);
        Ok(LedgerChange::BreakGlass(digest.clone()))
    }

    async fn end_break_glass_again(
        &mut self,
        act: &Act,
        ids: &NewIds,
    ) -> Result<LedgerChange, LedgerError> {
        let was = override_id(act)?;
        let update = "UPDATE break_glass \
                      SET withdrawn_at = ?, ended_by = ?, ended_reason = ? \
                      WHERE id = ? AND environment = ? AND withdrawn_at IS NULL";
        query(update)
            .bind(act.time.as_microsecond())
            .bind(&act.principal)
            .bind(act.reason.as_deref())
            .bind(ids.get(&was).copied().unwrap_or(was))
            .bind(environment(act)?.as_str())
            .execute(self.sql())
            .await?;
        Ok(LedgerChange::BreakGlass(digest(act)?.clone()))
    }

    async fn set_mode_again(
        &mut self,
        act: &Act,
        now: Timestamp,
    ) -> Result<LedgerChange, LedgerError> {
        let environment = environment(act)?;
        let add = "INSERT INTO modes (environment, mode, ticket, reason, set_by, set_at, until) \
                   VALUES (?, ?, ?, ?, ?, ?, ?)";
        query(add)
            .bind(environment.as_str())
            .bind(&act.detail)
            .bind(act.ticket.as_deref().unwrap_or_default())
            .bind(act.reason.as_deref())
            .bind(&act.principal)
            .bind(act.time.as_microsecond())
            .bind(until(act, now)?)
            .execute(self.sql())
            .await?;
        Ok(LedgerChange::Mode(environment.clone()))
    }

    async fn end_modes_again(&mut self, act: &Act) -> Result<LedgerChange, LedgerError> {
        let environment = environment(act)?;
        let update = "UPDATE modes SET withdrawn_at = ?, ended_by = ?, ended_reason = ? \
                      WHERE environment = ? AND withdrawn_at IS NULL";
        query(update)
            .bind(act.time.as_microsecond())
            .bind(&act.principal)
            .bind(act.reason.as_deref())
            .bind(environment.as_str())
            .execute(self.sql())
            .await?;
        Ok(LedgerChange::Mode(environment.clone()))
    }

    /// One that was made since is not there, and holds nothing.
    async fn revoke_token_again(&mut self, act: &Act) -> Result<LedgerChange, LedgerError> {
        let subject = act.subject.as_deref().and_then(token_name);
        let name = subject.ok_or_else(|| unsaid(act, "token"))?;
        let update = "UPDATE tokens SET revoked_at = coalesce(revoked_at, ?) WHERE name = ?";
        query(update)
            .bind(act.time.as_microsecond())
            .bind(name)
            .execute(self.sql())
            .await?;
        if act.detail.starts_with(WITHDRAWN) {
            withdraw(self, name, act.time).await?;
        }
        Ok(LedgerChange::Token(name.to_owned()))
    }

    /// Keeps the act as the log has it, under its number here.
    async fn keep(&mut self, act: &Act) -> Result<(), LedgerError> {
        let change = self.newest_change().unwrap_or_default();
        let add = "INSERT INTO acts (id, time, act, principal, environment, change, body) \
                   SELECT coalesce(max(id), 0) + 1, ?, ?, ?, ?, ?, '' FROM acts RETURNING id";
        let id: i64 = query(add)
            .bind(act.time.as_microsecond())
            .bind(act.act.as_str())
            .bind(&act.principal)
            .bind(act.environment.as_ref().map(EnvironmentName::as_str))
            .bind(change.cast_signed())
            .value(self.sql())
            .await?;
        let kept = Act {
            id: format!("act:{id}"),
            ..act.clone()
        };
        query("UPDATE acts SET body = ? WHERE id = ?")
            .bind(columns::json(&kept)?)
            .bind(id)
            .execute(self.sql())
            .await?;
        Ok(())
    }
}

fn digest(act: &Act) -> Result<&Digest, LedgerError> {
    act.digest.as_ref().ok_or_else(|| unsaid(act, "digest"))
}

fn environment(act: &Act) -> Result<&EnvironmentName, LedgerError> {
    let named = act.environment.as_ref();
    named.ok_or_else(|| unsaid(act, "environment"))
}

/// When it ends: no override lasts longer than one that was asked for may, and none begins
/// ahead, whatever the log says.
fn until(act: &Act, now: Timestamp) -> Result<i64, LedgerError> {
    let until = act.until.ok_or_else(|| unsaid(act, "end"))?;
    let hours = match act.act {
        ActKind::BreakGlass => BreakGlass::MAX_HOURS,
        _ => TimedMode::MAX_HOURS,
    };
    let longest = SignedDuration::from_hours(i64::from(hours));
    let latest = act.time.min(now).checked_add(longest);
    Ok(latest.map_or(until, |it| until.min(it)).as_microsecond())
}

fn reach(act: &Act) -> Result<crate::oci::RepositoryGlobs, LedgerError> {
    let written = match act.act {
        ActKind::Reinstate => reinstated_reach(&act.detail),
        _ => Some(&*act.detail),
    };
    let read = written.and_then(read_reach);
    read.ok_or_else(|| unsaid(act, "repositories"))
}

/// The number in `break-glass:7`.
fn override_id(act: &Act) -> Result<i64, LedgerError> {
    let subject = act.subject.as_deref().unwrap_or_default();
    let number = subject.rsplit(':').next().and_then(|it| it.parse().ok());
    number.ok_or_else(|| unsaid(act, "id"))
}

fn unsaid(act: &Act, what: &str) -> LedgerError {
    LedgerError::UnreadableAct {
        id: act.id.clone(),
        what: what.to_owned(),
    }
}
