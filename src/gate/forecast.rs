//! The forecast: what is let in now, and will be denied once a scan, an exception, a word of
//! an upstream or an override has ended; and what runs and is denied already.
//!
//! Only time is moved on. The verdict says until when it holds, so each subject is judged
//! once more at each moment at which its verdict ends.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::inspect::InspectError;
use super::judge::Judge;
use super::parts::Shared;
use super::pull::{ExposureInput, Question};
use crate::ledger::{Ledger, LedgerError};
use crate::oci::{Digest, Repository};
use crate::trust::{
    CheckOutcome, Denial, DenialReason, EnvironmentName, Evidence, Exposure, JudgedFinding,
    Rulebook, Subject, Verdict,
};

/// Pulls older than this do not count as use.
const IN_USE_FOR: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Subjects that are looked for, at most.
const MAX_IN_USE: u32 = 20_000;
/// Images of a list whose records are read at once: a database server is waited for less, and
/// pulls have connections left.
pub const FORESEEN_AT_ONCE: usize = 4;
/// How often time may change a verdict before the end that is looked at.
const MAX_STEPS: usize = 32;

/// What ended, or will.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ForecastCause {
    /// It is denied already.
    Now,
    ScanStale,
    /// What served it although its scan was stale, or its report had become worse.
    Grace,
    Exception,
    Advisory,
    Vouching,
    BreakGlass,
    Mode,
    /// Something else that ends by itself.
    Other,
}

impl ForecastCause {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Now => "denied-now",
            Self::ScanStale => "scan-stale",
            Self::Grace => "grace-ends",
            Self::Exception => "exception-ends",
            Self::Advisory => "advisory-ends",
            Self::Vouching => "vouching-ends",
            Self::BreakGlass => "break-glass-ends",
            Self::Mode => "mode-ends",
            Self::Other => "ends",
        }
    }
}

/// A denial that is to come.
#[derive(Clone, Debug)]
pub struct ForeseenDenial {
    pub subject: Subject,
    pub exposure: Exposure,
    /// `None`: now.
    pub at: Option<Timestamp>,
    pub cause: ForecastCause,
    /// What ends, by its id or its ticket, where it has one.
    pub ends: Option<String>,
    /// What will speak against it, gravest first.
    pub denials: Vec<Denial>,
}

/// What the future of one subject is.
#[derive(Clone, Debug)]
pub enum Outlook {
    /// Nobody recorded what it consists of, so it cannot be judged from here.
    Unknown,
    /// It is let in until the end that was looked at.
    Stands,
    Denied(Box<ForeseenDenial>),
}

/// What is asked, and how.
pub struct LookAhead<'a> {
    pub rulebook: &'a Rulebook,
    pub now: Timestamp,
    /// How far ahead.
    pub within: SignedDuration,
}

/// Judges what is in use, at later moments.
pub struct Forecast {
    ledger: Arc<Ledger>,
    judge: Arc<Judge>,
}

impl Forecast {
    pub(super) fn new(shared: &Shared) -> Self {
        Self {
            ledger: shared.ledger.clone(),
            judge: shared.judge.clone(),
        }
    }

    /// What was pulled within 30 days or is promoted, in environments and repositories that
    /// `sees` names; by environment, repository and digest.
    ///
    /// # Errors
    /// [`InspectError`] where the records cannot be read.
    pub async fn in_use(
        &self,
        now: Timestamp,
        sees: &(dyn Fn(&EnvironmentName, &Repository) -> bool + Send + Sync),
    ) -> Result<Vec<Subject>, InspectError> {
        let since = now.checked_sub(IN_USE_FOR).unwrap_or(Timestamp::MIN);
        let wanted = |it: &Subject| sees(&it.environment, &it.repository);
        let unreadable = |error: LedgerError| {
            tracing::error!(%error, "records not readable");
            InspectError::Unavailable("the records cannot be read".to_owned())
        };
        let ledger = &self.ledger;
        let pulled = ledger
            .subjects_pulled_since(since, MAX_IN_USE, wanted)
            .await;
        let promoted = ledger.promoted_subjects(MAX_IN_USE, wanted).await;
        let pulled = pulled.map_err(unreadable)?.into_iter().map(|(it, _)| it);
        let mut subjects: Vec<Subject> = pulled.chain(promoted.map_err(unreadable)?).collect();
        subjects.sort_by_cached_key(order);
        subjects.dedup();
        Ok(subjects)
    }

    /// The indexes in a repository that hold `manifest`: what a Pod may have named that
    /// runs it.
    pub fn indexes_above(&self, repository: &Repository, manifest: &Digest) -> Vec<Digest> {
        self.ledger.index().indexes_holding(repository, manifest)
    }

    /// What becomes of one subject until the end that is looked at.
    pub async fn outlook(
        &self,
        query: &LookAhead<'_>,
        subject: &Subject,
        exposure: ExposureInput,
    ) -> Outlook {
        let question = Question {
            rulebook: query.rulebook,
            subject,
            exposure,
            now: query.now,
            depth: 0,
        };
        let end = query.now.checked_add(query.within);
        let end = end.unwrap_or(Timestamp::MAX);
        if self.surely_stands(question, end) {
            return Outlook::Stands;
        }
        let index = self.ledger.index();
        let Some(closure) = index.closure(&subject.repository, &subject.digest) else {
            return Outlook::Unknown;
        };
        let (evidence, _) = self.judge.evidence(question, (closure, &[])).await;
        match denied_until(question, &evidence, end) {
            Some(denied) => Outlook::Denied(Box::new(denied)),
            None => Outlook::Stands,
        }
    }

    /// Memory only: a remembered verdict lets it in for longer than is looked at.
    fn surely_stands(&self, question: Question<'_>, end: Timestamp) -> bool {
        let cached = self.judge.cached(question);
        cached.is_some_and(|cached| {
            let until = cached.verdict.valid_until();
            cached.verdict.is_allowed() && until.is_none_or(|until| until > end)
        })
    }
}

fn order(subject: &Subject) -> (String, String, String) {
    (
        subject.environment.to_string(),
        subject.repository.to_string(),
        subject.digest.to_string(),
    )
}

/// The first denial until `end`.
fn denied_until(
    question: Question<'_>,
    evidence: &Evidence,
    end: Timestamp,
) -> Option<ForeseenDenial> {
    let mut at = question.now;
    let mut before: Option<(Verdict, Vec<JudgedFinding>)> = None;
    for _ in 0..MAX_STEPS {
        let then = Question {
            now: at,
            ..question
        };
        let (verdict, findings) = then.verdict_in_full(evidence);
        if !verdict.is_allowed() {
            let (cause, ends) = match &before {
                None => (ForecastCause::Now, None),
                Some(before) => cause(question, evidence, before, (&verdict, at)),
            };
            return Some(ForeseenDenial {
                subject: question.subject.clone(),
                exposure: verdict.exposure(),
                at: before.is_some().then_some(at),
                cause,
                ends,
                denials: verdict.denials().to_vec(),
            });
        }
        let until = verdict.valid_until().filter(|until| *until <= end)?;
        before = Some((verdict, findings));
        at = until;
    }
    None
}

/// What ended at the moment at which it is denied for the first time.
fn cause(
    question: Question<'_>,
    evidence: &Evidence,
    (before, findings): &(Verdict, Vec<JudgedFinding>),
    (denied, at): (&Verdict, Timestamp),
) -> (ForecastCause, Option<String>) {
    let ended = |until: Timestamp| until == at;
    let mode = evidence.timed_mode.as_ref();
    if let Some(mode) = mode.filter(|it| ended(it.until)) {
        return (ForecastCause::Mode, Some(mode.ticket.clone()));
    }
    let mut granted = evidence.break_glass.iter();
    if let Some(grant) = granted.find(|it| ended(it.until)) {
        return (ForecastCause::BreakGlass, Some(grant.ticket.clone()));
    }
    let words = findings.iter().filter_map(|finding| finding.by.as_ref());
    let mut over = words.filter(|word| word.expires.is_some_and(ended));
    if let Some(word) = over.next() {
        let cause = match word.kind {
            "advisory" => ForecastCause::Advisory,
            _ => ForecastCause::Exception,
        };
        return (cause, Some(word.id.clone()));
    }
    let subject = question.subject;
    let host = subject.repository.host();
    let vouching = question
        .rulebook
        .vouching(host, &subject.environment, question.now);
    if vouching.is_some_and(|it| ended(it.until)) {
        return (ForecastCause::Vouching, Some(host.to_string()));
    }
    (of_scan(before, denied), None)
}

/// Whether a scan ran out, or the grace that it had.
fn of_scan(before: &Verdict, denied: &Verdict) -> ForecastCause {
    let had_grace = |requirement: &str| {
        let mut checks = before.checks().iter();
        checks.any(|it| it.requirement == requirement && it.outcome == CheckOutcome::Warned)
    };
    match denied.denial().map(|denial| denial.reason) {
        Some(DenialReason::ScanStale) if had_grace("scan") => ForecastCause::Grace,
        Some(DenialReason::ScanStale) => ForecastCause::ScanStale,
        Some(DenialReason::TooSevere) if had_grace("ceiling") => ForecastCause::Grace,
        _ => ForecastCause::Other,
    }
}
