//! `sekisho ledger restore` and `sekisho ledger replay`.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use super::arguments::{OutputArgs, SharedArgs};
use super::aside::say_aside;
use super::failure::{Exit, Failure};
use super::output::{Output, say};
use crate::app::config::Config;
use crate::app::{hold_log_end, note_log_end};
use crate::audit::{self, Audit, AuditOptions, ChainEnd, KnownLogs};
use crate::gate::ActLog;
use crate::ledger::{
    AuditSeal, Ledger, LedgerAccess, LedgerError, LedgerOptions, LogReading, LostRecords,
    MissingActs, Restoration, RestorePoint,
};
use crate::oci::{Closure, Digest, Repository, counted};

/// What these commands read of the configuration.
const KEYS: [&str; 3] = ["data_dir", "ledger", "audit"];
/// Lines that nothing vouches for which are named, at most.
const DOUBTFUL_TOLD: usize = 10;

/// Put a backup in the place of the ledger, and do again what was revoked and overridden
/// since, as the audit log tells it
#[derive(Debug, Args)]
#[command(
    after_help = "No serve may run. The ledger that lies there is kept beside it. Scans,
promotions and tokens that came since the backup cannot be done again: it names them, and
the logs that it was not shown, and does nothing without --accept-loss. Nor does it anything where
lines of the log that count are not as they were written. Run it as the user of serve.

Examples:
  sekisho ledger restore /backup/ledger.db --config /etc/sekisho/sekisho.toml
  sekisho ledger restore /backup/ledger.db --log-file /backup/audit.jsonl.3.gz --accept-loss"
)]
pub struct RestoreLedger {
    /// What `ledger backup` made
    backup: PathBuf,
    #[command(flatten)]
    replaying: ReplayingArgs,
    #[command(flatten)]
    screen: OutputArgs,
}

/// Do again in this ledger what the audit log tells and it lacks: after a backup was put back
/// by other means, such as pg_restore
#[derive(Debug, Args)]
#[command(after_help = "No serve may run.

Examples:
  sekisho ledger replay --config /etc/sekisho/sekisho.toml
  sekisho ledger replay --log-file a/audit.jsonl --log-file b/audit.jsonl")]
pub struct ReplayLedger {
    #[command(flatten)]
    replaying: ReplayingArgs,
    #[command(flatten)]
    screen: OutputArgs,
}

/// What was done again, and what could not be.
struct Replayed {
    acts: usize,
    lost: LostRecords,
}

/// What `--output json` prints.
#[derive(Serialize)]
struct ReplayedView<'a> {
    /// The ledger, as the configuration names it.
    ledger: String,
    /// Where the ledger lies that was replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    kept: Option<&'a Path>,
    acts_done_again: usize,
    lost: &'a LostRecords,
}

#[derive(Debug, Args)]
struct ReplayingArgs {
    /// A file of the audit log, plain or gzip; by default all that lie where `[audit] path`
    /// points. Several replicas have several logs
    #[arg(long, value_name = "FILE")]
    log_file: Vec<PathBuf>,
    /// Go on although scans, promotions or tokens are lost, or the log has a gap
    #[arg(long)]
    accept_loss: bool,
    /// Go on although lines of the log are not as they were written: of the acts in those only
    /// revocations, ends of break-glass and revoked tokens are done again
    #[arg(long)]
    skip_unsound: bool,
}

/// What the ledger that lies there knows of the logs: it is newer than the backup.
#[derive(Default)]
struct LedgerThere {
    seals: Vec<AuditSeal>,
    /// Those of logs that may tell what the backup lacks.
    may_tell: Vec<AuditSeal>,
    /// Itself, where it can be read.
    ledger: Option<Ledger>,
}

impl RestoreLedger {
    pub async fn run(self, shared: &SharedArgs) -> Result<Exit, Failure> {
        let config = shared.load_parts(Some(&KEYS))?;
        let now = Timestamp::now();
        let Some(target) = config.ledger.location.file() else {
            let text = "a ledger on a server is put back with the server's own tools";
            return Err(Failure::new(text).next("use pg_restore, and then ledger replay"));
        };
        let begun = Restoration::begin(&self.backup, target, now).await;
        let mut restoration = begun.map_err(failed)?;
        let there = LedgerThere::read(&config, now).await;
        let ledger = &mut restoration.ledger;
        let replayed = self.replaying.replay(ledger, &there, &config, now);
        let replayed = replayed.await;
        there.close().await;
        match replayed {
            Ok(told) => {
                let kept = restoration.finish(now).await.map_err(failed)?;
                log_the_act(&config, LedgerAccess::Client).await?;
                if let Some(kept) = &kept {
                    say_aside(&format!(
                        "the ledger that lay there is {} now",
                        kept.display()
                    ));
                }
                say_aside(&format!("{} is put back: {told}", target.display()));
                told.show(&config, kept.as_deref(), self.screen.output)?;
                Ok(Exit::Done)
            }
            Err(failure) => {
                restoration.give_up().await.map_err(failed)?;
                Err(failure)
            }
        }
    }
}

impl ReplayLedger {
    pub async fn run(self, shared: &SharedArgs) -> Result<Exit, Failure> {
        let config = shared.load_parts(Some(&KEYS))?;
        let now = Timestamp::now();
        let mut ledger = open(&config, LedgerAccess::Serve, now).await?;
        let there = LedgerThere::default();
        let replayed = self.replaying.replay(&mut ledger, &there, &config, now);
        let replayed = replayed.await;
        ledger.close().await;
        drop(ledger);
        let told = replayed?;
        log_the_act(&config, LedgerAccess::Client).await?;
        say_aside(&format!("done again: {told}"));
        told.show(&config, None, self.screen.output)?;
        Ok(Exit::Done)
    }
}

impl ReplayingArgs {
    async fn replay(
        &self,
        ledger: &mut Ledger,
        there: &LedgerThere,
        config: &Config,
        now: Timestamp,
    ) -> Result<Replayed, Failure> {
        let mut point = ledger.restore_point().await.map_err(failed)?;
        let backed_up = ledger.audit_seals().await.map_err(failed)?;
        point.logs.extend(there.may_tell.iter().cloned());
        let known = KnownLogs {
            ends: backed_up.iter().chain(&there.seals).map(end).collect(),
            are_all: !there.seals.is_empty(),
        };
        let (mut missing, new_ends) = self.missing(point, &known, config)?;
        let carried = there.below_revoked(ledger, &mut missing).await?;
        if !missing.lost.is_empty() && !self.accept_loss {
            return Err(lossy(&missing));
        }
        let unwritten = |error: LedgerError| match config.ledger.location.file() {
            Some(file) => failed(error.at(file)),
            None => failed(error),
        };
        for (repository, closure) in &carried {
            let recorded = ledger.record_closure(repository, closure).await;
            recorded.map_err(unwritten)?;
        }
        ledger.replay(&missing, now).await.map_err(unwritten)?;
        // The log is held against those again.
        let new = new_ends.into_iter().map(|end| seal(end, now));
        for seal in there.seals.iter().cloned().chain(new) {
            ledger.seal_audit(&seal).await.map_err(unwritten)?;
        }
        Ok(Replayed {
            acts: missing.again.len(),
            lost: missing.lost,
        })
    }

    fn missing(
        &self,
        point: RestorePoint,
        known: &KnownLogs,
        config: &Config,
    ) -> Result<(MissingActs, Vec<ChainEnd>), Failure> {
        let unread = |error: audit::AuditError| Failure::new(error.to_string());
        let files = match self.log_file.is_empty() {
            true => audit::log_files(&config.audit.path).map_err(unread)?,
            false => self.log_file.clone(),
        };
        let mut reading = LogReading::from(point);
        let found = audit::read_sound_acts(&files, known, |act| reading.hear(act));
        let found = found.map_err(unread)?;
        let doubtful: Vec<String> = found.doubtful.iter().map(ToString::to_string).collect();
        let (strict, left): (Vec<_>, Vec<_>) = found
            .doubtful
            .into_iter()
            .partition(|it| it.logged.act.act.only_forbids());
        let strict = strict.into_iter().map(|it| it.logged);
        let acts = found.acts.into_iter();
        acts.chain(strict.filter(|_| self.skip_unsound))
            .for_each(|act| reading.take(act));
        let mut missing = reading.missing(&found.read);
        if !doubtful.is_empty() && !self.skip_unsound {
            return Err(unsound(&doubtful, &missing));
        }
        missing.lost.doubtful = left.len() as u64;
        let unread = found.unread.iter().map(ToString::to_string);
        missing.lost.unread_files = unread.collect();
        // A log of a strange name is not taken for a sound one by consent.
        let new_ends = match known.are_all {
            true => Vec::new(),
            false => found.new_ends,
        };
        Ok((missing, new_ends))
    }
}

impl Replayed {
    /// For scripts; people are told aside.
    fn show(&self, config: &Config, kept: Option<&Path>, output: Output) -> Result<(), Failure> {
        let view = ReplayedView {
            ledger: config.ledger.location.written(),
            kept,
            acts_done_again: self.acts,
            lost: &self.lost,
        };
        match output {
            Output::Text => Ok(()),
            Output::Json => say(&serde_json::to_string(&view)
                .map_err(|error| Failure::new(format!("cannot write the answer: {error}")))?),
        }
    }
}

impl fmt::Display for Replayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { acts, lost } = self;
        let acts = counted(*acts, "act");
        write!(f, "{acts} of the audit log; lost: {lost}")?;
        match lost.scans {
            0 => Ok(()),
            // The lost one may have been the first to find something.
            _ => f.write_str(
                "; scan the images named again, before all else: one that has an older scan is \
                 judged by that until then",
            ),
        }
    }
}

impl LedgerThere {
    /// One that is damaged knows nothing.
    async fn read(config: &Config, now: Timestamp) -> Self {
        let held = config.ledger.location.holds_ledger().await;
        if !held.unwrap_or_default() {
            return Self::default();
        }
        let Ok(ledger) = open(config, LedgerAccess::Client, now).await else {
            say_aside("the ledger that lies there cannot be asked how far the audit log went");
            return Self::default();
        };
        Self {
            seals: ledger.audit_seals().await.unwrap_or_default(),
            may_tell: ledger
                .restore_point()
                .await
                .map_or_else(|_| Vec::new(), |it| it.logs),
            ledger: Some(ledger),
        }
    }

    /// What the ledger that lies there knows of digests that are revoked once more, and the
    /// backup does not know: what is said against an index holds for its children, which it
    /// alone names. Where no such ledger can be asked, what it knew is lost.
    async fn below_revoked(
        &self,
        backup: &Ledger,
        missing: &mut MissingActs,
    ) -> Result<Vec<(Repository, Closure)>, Failure> {
        let mut unknown = missing.revoked();
        let backed_up = backup.closures_of(unknown.iter().copied()).await;
        for (_, closure) in backed_up.map_err(failed)? {
            unknown.remove(closure.root());
        }
        if let Some(ledger) = &self.ledger
            && let Ok(carried) = ledger.closures_of(unknown.iter().copied()).await
        {
            return Ok(carried);
        }
        let lost = unknown.into_iter().map(Digest::to_string).collect();
        missing.lost.unread = lost;
        Ok(Vec::new())
    }

    async fn close(&self) {
        if let Some(ledger) = &self.ledger {
            ledger.close().await;
        }
    }
}

fn end(seal: &AuditSeal) -> ChainEnd {
    ChainEnd {
        log: seal.log.clone(),
        line: seal.line,
        hash: Some(seal.hash.clone()),
    }
}

/// Of a log that was read, wherever it lay.
fn seal(end: ChainEnd, at: Timestamp) -> AuditSeal {
    AuditSeal {
        log: end.log,
        line: end.line,
        hash: end.hash.unwrap_or_default(),
        at,
        place: None,
        kept_until: None,
    }
}

fn unsound(doubtful: &[String], missing: &MissingActs) -> Failure {
    let named = doubtful.iter().take(DOUBTFUL_TOLD).map(String::as_str);
    let named: Vec<&str> = named.collect();
    let more = match doubtful.len() - named.len() {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    let lost = match missing.lost.is_empty() {
        true => String::new(),
        false => format!("; this would be lost: {}", missing.lost),
    };
    let named = named.join("; ");
    let text = format!("the audit log is not as it was written: {named}{more}{lost}");
    Failure::new(text).next(
        "look at it with audit verify, and name sound files of the log by --log-file; or go on \
         with --skip-unsound: of the acts in such lines only those are done again that take \
         trust away",
    )
}

fn lossy(missing: &MissingActs) -> Failure {
    let lost = format!("this would be lost: {}", missing.lost);
    Failure::new(lost).next(
        "name the files of the audit log that tell more by --log-file; or go on with \
         --accept-loss, and scan, promote and make anew what is missing, the scans first: an image \
         whose newer scan is lost is judged by an older one until then",
    )
}

async fn open(config: &Config, access: LedgerAccess, now: Timestamp) -> Result<Ledger, Failure> {
    let options = LedgerOptions::of(config.ledger.location.clone());
    Ledger::open(options, access, now).await.map_err(failed)
}

/// So that the log knows the ledger under its new identity.
async fn log_the_act(config: &Config, access: LedgerAccess) -> Result<(), Failure> {
    let unlogged = |why: String| {
        Failure::new(format!("the audit log does not know of it: {why}"))
            .next("give room to the log, and do the same once more")
    };
    let ledger = Arc::new(open(config, access, Timestamp::now()).await?);
    let audit = Audit::open(AuditOptions::at(&config.audit.path));
    let audit = audit.map_err(|error| unlogged(error.to_string()))?;
    let now = Timestamp::now();
    let held = hold_log_end(&audit, &ledger, &config.audit, now).await;
    let log = ActLog::new(audit.clone(), ledger.clone());
    let logged = log.write_once().await;
    let noted = note_log_end(&ledger, audit.end().await, &config.audit, now).await;
    ledger.close().await;
    held.and(noted).map_err(failed)?;
    logged.map_err(|error| unlogged(error.to_string()))
}

fn failed(error: LedgerError) -> Failure {
    let failure = Failure::new(error.to_string());
    match error {
        LedgerError::AlreadyServed(_) | LedgerError::ServedBy(_) => {
            failure.next("stop serve first")
        }
        LedgerError::Unwritten { .. } => {
            failure.next("free space there, and do the same once more")
        }
        _ => failure,
    }
}
