//! Overrides for some hours: break-glass for one image, a timed mode for an environment.
//! All of them are in memory, since they must hold at once and while SQL fails.

use futures_util::TryStreamExt;
use jiff::Timestamp;

use super::acts::NewAct;
use super::attributed::Attributed;
use super::change::LedgerChange;
use super::index::Tables;
use super::sql::{SqlConnection, query, row};
use super::{Index, Ledger, LedgerError, columns};
use crate::metrics::LedgerVerb;
use crate::oci::Digest;
use crate::trust::{ActKind, BreakGlass, EnvironmentName, Mode, Subject, TimedMode};

/// What the record of such a grant says.
pub(super) const LIFTS_REVOCATION: &str = "lifts a revocation, too";

/// An image that is to be let through although judgement denies it.
#[derive(Clone, Debug)]
pub struct NewBreakGlass {
    pub environment: EnvironmentName,
    pub digest: Digest,
    /// As it was named.
    pub image: Option<String>,
    pub ticket: String,
    pub reason: String,
    pub granted_by: String,
    pub granted_at: Timestamp,
    pub until: Timestamp,
    pub lifts_revocation: bool,
}

/// A mode that is to hold for a while. It ends whatever was set before, also when
/// it is the mode of the configuration.
#[derive(Clone, Debug)]
pub struct NewTimedMode {
    pub environment: EnvironmentName,
    pub mode: Mode,
    pub ticket: String,
    pub reason: Option<String>,
    pub set_by: String,
    pub set_at: Timestamp,
    pub until: Timestamp,
}

/// An override that is to end before its time.
#[derive(Clone, Debug)]
pub struct EarlyEnd {
    pub by: String,
    pub at: Timestamp,
    pub reason: Option<String>,
}

impl NewBreakGlass {
    fn act(self, id: i64) -> NewAct {
        let lifts = self.lifts_revocation;
        NewAct {
            principal: Some(self.granted_by),
            environment: Some(self.environment),
            digest: Some(self.digest),
            subject: Some(format!("break-glass:{id}")),
            detail: if lifts { LIFTS_REVOCATION } else { "" }.to_owned(),
            reason: Some(self.reason),
            ticket: Some(self.ticket),
            until: Some(self.until),
            ..NewAct::new(ActKind::BreakGlass, self.granted_at)
        }
    }
}

impl EarlyEnd {
    fn act(self, act: ActKind, environment: &EnvironmentName) -> NewAct {
        NewAct {
            principal: Some(self.by),
            environment: Some(environment.clone()),
            reason: self.reason,
            ..NewAct::new(act, self.at)
        }
    }
}

impl NewTimedMode {
    fn act(self, id: i64) -> NewAct {
        NewAct {
            principal: Some(self.set_by),
            environment: Some(self.environment),
            subject: Some(format!("mode:{id}")),
            detail: self.mode.as_str().to_owned(),
            reason: self.reason,
            ticket: Some(self.ticket),
            until: Some(self.until),
            ..NewAct::new(ActKind::Mode, self.set_at)
        }
    }
}

impl Tables {
    /// The overrides for a subject whose parent indexes are `parents`. Never of an alias:
    /// trust is not inherited from one algorithm to the other.
    pub fn overrides_of(
        &self,
        subject: &Subject,
        parents: &[Digest],
    ) -> (Vec<BreakGlass>, Option<TimedMode>) {
        let digests = std::iter::once(&subject.digest).chain(parents);
        let granted = digests
            .flat_map(|digest| self.overrides.break_glass(digest))
            .filter(|grant| grant.environment == subject.environment);
        (granted.collect(), self.overrides.mode(&subject.environment))
    }
}

impl Index {
    /// What was granted for exactly this digest, in any environment.
    pub fn break_glass(&self, digest: &Digest) -> Vec<BreakGlass> {
        self.tables().overrides.break_glass(digest)
    }

    /// What lets images through at `now`, by id.
    pub fn active_break_glass(&self, now: Timestamp) -> Vec<BreakGlass> {
        let mut lasting = self.lasting_break_glass(now);
        lasting.retain(|grant| grant.holds(now));
        lasting
    }

    /// What lets images through at `now` or will do so by itself, by id: a grant of a clock
    /// that was set back since is dated ahead.
    pub fn lasting_break_glass(&self, now: Timestamp) -> Vec<BreakGlass> {
        let tables = self.tables();
        let granted = tables.overrides.break_glass.iter();
        let granted = granted.flat_map(|it| it.value().clone());
        let mut lasting: Vec<_> = granted.filter(|grant| now < grant.until).collect();
        lasting.sort_by_key(|grant| grant.id);
        lasting
    }

    /// When a grant of an environment last began or ended by itself, up to `now`.
    pub fn break_glass_turned_at(
        &self,
        environment: &EnvironmentName,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let tables = self.tables();
        let turns = |granted: &[BreakGlass]| {
            let here = granted.iter().filter(|it| it.environment == *environment);
            let turns = here.flat_map(|it| [it.granted_at, it.until]);
            turns.filter(|at| *at <= now).max()
        };
        let granted = tables.overrides.break_glass.iter();
        granted.filter_map(|it| turns(it.value())).max()
    }

    /// Whether a grant that holds at `now` lifts the revocation of `digest`: it
    /// names it, or what holds it.
    pub fn lifts_revocation(&self, digest: &Digest, now: Timestamp) -> bool {
        let tables = self.tables();
        let holds = |root: &Digest| {
            let closures = tables.members.closures(root);
            let mut held = closures.iter().flat_map(|closure| closure.digests());
            root == digest || held.any(|it| it == digest)
        };
        let grants = self.active_break_glass(now).into_iter();
        grants
            .filter(|grant| grant.lifts_revocation)
            .any(|grant| holds(&grant.digest))
    }

    /// The last mode that was set for an environment, holding or not.
    pub fn timed_mode(&self, environment: &EnvironmentName) -> Option<TimedMode> {
        self.tables().overrides.mode(environment)
    }

    /// The modes that hold at `now`, by environment.
    pub fn active_modes(&self, now: Timestamp) -> Vec<TimedMode> {
        let mut lasting = self.lasting_modes(now);
        lasting.retain(|mode| mode.holds(now));
        lasting
    }

    /// The modes that hold at `now` or will do so by themselves, by environment.
    pub fn lasting_modes(&self, now: Timestamp) -> Vec<TimedMode> {
        let tables = self.tables();
        let set = tables.overrides.modes.iter().map(|it| it.value().clone());
        let mut lasting: Vec<_> = set.filter(|mode| now < mode.until).collect();
        lasting.sort_by(|one, other| one.environment.cmp(&other.environment));
        lasting
    }

    /// The overrides for evidence that is gathered without SQL. `parents` are the indexes
    /// that hold the subject in its repository.
    pub fn overrides(
        &self,
        subject: &Subject,
        parents: &[Digest],
    ) -> (Vec<BreakGlass>, Option<TimedMode>) {
        self.tables().overrides_of(subject, parents)
    }
}

impl Ledger {
    /// Records a grant and returns its id. Refuses people whose token is revoked.
    ///
    /// # Errors
    /// [`LedgerError`] where it cannot be written; then nothing of it is.
    pub async fn grant_break_glass(
        &self,
        new: impl Into<Attributed<NewBreakGlass>>,
    ) -> Result<i64, LedgerError> {
        let Attributed { what: new, origin } = new.into();
        let _timed = self.timed(LedgerVerb::GrantBreakGlass);
        let mut writing = self.begin(Some(new.granted_at)).await?;
        super::tokens::refuse_revoked(writing.sql(), &new.granted_by).await?;
        let add = "INSERT INTO break_glass (environment, digest, image, ticket, reason, granted_by, \
                   granted_at, until, lifts_revocation) \
                   VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id";
        let id: i64 = query(add)
            .bind(new.environment.as_str())
            .bind(new.digest.to_string())
            .bind(&new.image)
            .bind(&new.ticket)
            .bind(&new.reason)
            .bind(&new.granted_by)
            .bind(new.granted_at.as_microsecond())
            .bind(new.until.as_microsecond())
            .bind(new.lifts_revocation)
            .value(writing.sql())
            .await?;
        let digest = new.digest.clone();
        writing.note(LedgerChange::BreakGlass(digest)).await?;
        writing.act(new.act(id), origin).await?;
        self.commit(writing).await?;
        Ok(id)
    }

    /// Sets a mode and returns its id. Once it returns, no verdict that was
    /// remembered in that environment answers. Refuses people whose token is
    /// revoked.
    ///
    /// # Errors
    /// [`LedgerError`] where it cannot be written; then nothing of it is.
    pub async fn set_mode(
        &self,
        new: impl Into<Attributed<NewTimedMode>>,
    ) -> Result<i64, LedgerError> {
        let Attributed { what: new, origin } = new.into();
        let _timed = self.timed(LedgerVerb::SetMode);
        let mut writing = self.begin(Some(new.set_at)).await?;
        super::tokens::refuse_revoked(writing.sql(), &new.set_by).await?;
        let add = "INSERT INTO modes (environment, mode, ticket, reason, set_by, set_at, until) \
                   VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id";
        let id: i64 = query(add)
            .bind(new.environment.as_str())
            .bind(new.mode.as_str())
            .bind(&new.ticket)
            .bind(&new.reason)
            .bind(&new.set_by)
            .bind(new.set_at.as_microsecond())
            .bind(new.until.as_microsecond())
            .value(writing.sql())
            .await?;
        let environment = new.environment.clone();
        writing.note(LedgerChange::Mode(environment)).await?;
        writing.act(new.act(id), origin).await?;
        self.commit(writing).await?;
        Ok(id)
    }

    /// Ends the grant of that id for `environment` if it holds; whether it did. Once it
    /// returns, no verdict rests on it.
    ///
    /// # Errors
    /// People whose token is revoked are refused.
    pub async fn end_break_glass(
        &self,
        id: i64,
        environment: &EnvironmentName,
        end: impl Into<Attributed<EarlyEnd>>,
    ) -> Result<bool, LedgerError> {
        let Attributed { what: end, origin } = end.into();
        let _timed = self.timed(LedgerVerb::EndBreakGlass);
        let mut writing = self.begin(Some(end.at)).await?;
        super::tokens::refuse_revoked(writing.sql(), &end.by).await?;
        let at = end.at.as_microsecond();
        let update = "UPDATE break_glass \
                      SET withdrawn_at = ?1, ended_by = ?2, ended_reason = ?3 \
                      WHERE id = ?4 AND environment = ?5 AND withdrawn_at IS NULL \
                      AND until > ?1 RETURNING digest";
        let ended: Option<String> = query(update)
            .bind(at)
            .bind(&end.by)
            .bind(&end.reason)
            .bind(id)
            .bind(environment.as_str())
            .optional_value(writing.sql())
            .await?;
        if let Some(digest) = &ended {
            let digest: Digest = columns::text(digest)?;
            let act = NewAct {
                digest: Some(digest.clone()),
                subject: Some(format!("break-glass:{id}")),
                ..end.act(ActKind::BreakGlassEnd, environment)
            };
            writing.note(LedgerChange::BreakGlass(digest)).await?;
            writing.act(act, origin).await?;
        }
        self.commit(writing).await?;
        Ok(ended.is_some())
    }

    /// Ends every mode that was set for an environment, so that that of the configuration
    /// holds again: also those whose time is over, or they would come back with a clock that
    /// is set back. Returns how many that were.
    ///
    /// # Errors
    /// People whose token is revoked are refused.
    pub async fn end_modes(
        &self,
        environment: &EnvironmentName,
        end: impl Into<Attributed<EarlyEnd>>,
    ) -> Result<u64, LedgerError> {
        let Attributed { what: end, origin } = end.into();
        let _timed = self.timed(LedgerVerb::EndModes);
        let mut writing = self.begin(Some(end.at)).await?;
        super::tokens::refuse_revoked(writing.sql(), &end.by).await?;
        let update = "UPDATE modes SET withdrawn_at = ?1, ended_by = ?2, ended_reason = ?3 \
                      WHERE environment = ?4 AND withdrawn_at IS NULL";
        let ended = query(update)
            .bind(end.at.as_microsecond())
            .bind(&end.by)
            .bind(&end.reason)
            .bind(environment.as_str())
            .execute(writing.sql())
            .await?;
        if ended > 0 {
            writing
                .note(LedgerChange::Mode(environment.clone()))
                .await?;
            let act = end.act(ActKind::ModeEnd, environment);
            writing.act(act, origin).await?;
        }
        self.commit(writing).await?;
        Ok(ended)
    }

    /// What SQL holds on a digest, into memory.
    pub(super) async fn refresh_break_glass(
        &self,
        tables: &Tables,
        digest: &Digest,
    ) -> Result<(), LedgerError> {
        let of = "SELECT id, environment, digest, image, ticket, reason, granted_by, granted_at, until, \
                  lifts_revocation FROM break_glass \
                  WHERE withdrawn_at IS NULL AND digest = ? ORDER BY id";
        let rows: Vec<BreakGlassRow> = query(of)
            .bind(digest.to_string())
            .all(&self.readers)
            .await?;
        let granted: Result<_, _> = rows.into_iter().map(BreakGlassRow::break_glass).collect();
        tables.members.note(digest);
        tables.overrides.set_break_glass(digest, granted?);
        Ok(())
    }

    /// What SQL holds on an environment, into memory.
    pub(super) async fn refresh_mode(
        &self,
        tables: &Tables,
        environment: &EnvironmentName,
    ) -> Result<(), LedgerError> {
        let last = "SELECT id, environment, mode, ticket, reason, set_by, set_at, until \
                    FROM modes WHERE withdrawn_at IS NULL AND environment = ? \
                    ORDER BY id DESC LIMIT 1";
        let row: Option<ModeRow> = query(last)
            .bind(environment.as_str())
            .optional(&self.readers)
            .await?;
        let last = row.map(ModeRow::mode).transpose()?;
        tables.overrides.set_mode(environment, last);
        Ok(())
    }
}

/// Loads all overrides into an index.
pub(super) async fn load_overrides(
    tables: &Tables,
    sql: &mut SqlConnection,
) -> Result<(), LedgerError> {
    let granted = "SELECT id, environment, digest, image, ticket, reason, granted_by, granted_at, until, \
                   lifts_revocation FROM break_glass WHERE withdrawn_at IS NULL ORDER BY id";
    let mut rows = query(granted).rows::<BreakGlassRow>(&mut *sql);
    while let Some(row) = rows.try_next().await? {
        let grant = row.break_glass()?;
        tables.members.note(&grant.digest);
        let digest = grant.digest.clone();
        tables
            .overrides
            .break_glass
            .entry(digest)
            .or_default()
            .push(grant);
    }
    drop(rows);
    let set = "SELECT id, environment, mode, ticket, reason, set_by, set_at, until \
               FROM modes WHERE withdrawn_at IS NULL ORDER BY id";
    let mut rows = query(set).rows::<ModeRow>(sql);
    while let Some(row) = rows.try_next().await? {
        let mode = row.mode()?;
        tables
            .overrides
            .modes
            .insert(mode.environment.clone(), mode);
    }
    Ok(())
}

row! {
    struct BreakGlassRow {
        id: i64,
        environment: String,
        digest: String,
        image: Option<String>,
        ticket: String,
        reason: String,
        granted_by: String,
        granted_at: i64,
        until: i64,
        lifts_revocation: bool,
    }
}

impl BreakGlassRow {
    fn break_glass(self) -> Result<BreakGlass, LedgerError> {
        Ok(BreakGlass {
            id: self.id,
            environment: columns::text(&self.environment)?,
            digest: columns::text(&self.digest)?,
            image: self.image,
            ticket: self.ticket,
            reason: self.reason,
            granted_by: self.granted_by,
            granted_at: columns::time(self.granted_at)?,
            until: columns::time(self.until)?,
            lifts_revocation: self.lifts_revocation,
        })
    }
}

row! {
    struct ModeRow {
        id: i64,
        environment: String,
        mode: String,
        ticket: String,
        reason: Option<String>,
        set_by: String,
        set_at: i64,
        until: i64,
    }
}

impl ModeRow {
    fn mode(self) -> Result<TimedMode, LedgerError> {
        let known = Mode::ALL.into_iter().find(|it| it.as_str() == self.mode);
        Ok(TimedMode {
            id: self.id,
            environment: columns::text(&self.environment)?,
            mode: known.ok_or_else(|| LedgerError::unreadable("mode", &self.mode))?,
            ticket: self.ticket,
            reason: self.reason,
            set_by: self.set_by,
            set_at: columns::time(self.set_at)?,
            until: columns::time(self.until)?,
        })
    }
}
