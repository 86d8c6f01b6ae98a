//! Judges what is in use again, before the next pull asks: after another policy, after
//! new evidence, and when the time of a verdict ends.
//!
//! What has changed nothing is seen from memory: the verdict that is remembered still
//! holds. The rest is judged in rounds of bounded work that take a part of one core, and
//! less where requests wait for it. Nothing of this is on the path of a pull; a pull
//! finds the verdict remembered.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;

use super::judge::Judge;
use super::parts::Shared;
use super::pull::{ExposureInput, Question};
use super::record::Records;
use crate::ledger::{DeniedInUse, Ledger, LedgerError};
use crate::metrics::Metrics;
use crate::trust::{DenialReason, Exposure, NodePolicy, Rulebook, Subject, Verdict};

/// Images that are looked at, at most; those that run come first.
const MAX_IN_USE: usize = 10_000;
/// What was pulled within this long is in use.
const PULLED_WITHIN: SignedDuration = SignedDuration::from_hours(7 * 24);
/// What was pulled within this long may lie on a node still.
const KEPT_WITHIN: SignedDuration = SignedDuration::from_hours(180 * 24);
/// What is in use is asked for anew after this long.
const IN_USE_REFRESH: SignedDuration = SignedDuration::from_secs(60);
/// Work of one round.
const ROUND_DURATION: Duration = Duration::from_secs(1);
/// After a judgement it rests for so many times as long as that took: a fifth of a core.
const REST_FACTOR: u32 = 4;
const MAX_REST: Duration = Duration::from_millis(250);
/// Where a turn at the workers takes longer than this, others need them more.
const BUSY_TURN: Duration = Duration::from_millis(5);
const BUSY_REST: Duration = Duration::from_millis(100);
/// Images looked at between two looks at the time.
const AT_ONCE: usize = 64;

/// How an image is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageUsage {
    /// A Pod runs it.
    Running,
    /// It was pulled lately.
    Pulled,
    /// It was pulled before, and may lie on a node whose agent would let it start: of
    /// interest where it must not.
    Kept,
    /// It was asked for in vain: of interest where that would be let through by now.
    Denied,
}

/// An image that is used somewhere.
#[derive(Clone, Debug)]
pub struct ImageInUse {
    pub subject: Subject,
    pub exposure: ExposureInput,
    pub usage: ImageUsage,
}

/// What a round is given.
pub struct RejudgeRound<'a> {
    pub rulebook: &'a Rulebook,
    /// What Pods run now. Asked for at the begin of a pass alone.
    pub running: &'a (dyn Fn() -> Vec<ImageInUse> + Send + Sync),
    /// The exposure of pulls in the environment of a subject.
    pub pulled: &'a (dyn Fn(&Subject) -> ExposureInput + Send + Sync),
    /// Whether what it finds is written, which one of several replicas does. Each judges for
    /// itself: a pull finds the verdict in its memory, also while the ledger is away.
    pub is_written: bool,
    pub now: Timestamp,
}

/// What a pass rests on: where neither has changed, and no verdict has ended, nothing is
/// to be judged.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Basis {
    change: u64,
    revision: u64,
}

/// A pass over all that is in use, in as many rounds as it takes.
#[derive(Default)]
struct Pass {
    waiting: VecDeque<ImageInUse>,
    seen: HashSet<Subject>,
    basis: Option<Basis>,
    began: Timestamp,
    /// When the first of the verdicts ends.
    ends: Option<Timestamp>,
    /// What stands in the ledger.
    known: HashMap<Subject, (DenialReason, bool)>,
    turned: Vec<DeniedInUse>,
    lifted: Vec<Subject>,
}

/// Judges again, in the background.
pub struct Rejudger {
    ledger: Arc<Ledger>,
    judge: Arc<Judge>,
    records: Arc<Records>,
    metrics: Metrics,
    pass: Mutex<Pass>,
}

impl Rejudger {
    pub(super) fn new(shared: &Shared, metrics: Metrics) -> Self {
        Self {
            ledger: shared.ledger.clone(),
            judge: shared.judge.clone(),
            records: shared.records.clone(),
            metrics,
            pass: Mutex::default(),
        }
    }

    /// One round: begins a pass where something has changed, and goes on with one that
    /// was begun.
    ///
    /// # Errors
    /// [`LedgerError`] where the records cannot be read or written; the next round begins
    /// anew.
    pub async fn once(&self, round: &RejudgeRound<'_>) -> Result<(), LedgerError> {
        let mut pass = self.pass.lock().await;
        let went = self.go_on(&mut pass, round).await;
        if went.is_err() {
            *pass = Pass::default();
        }
        let waiting = i64::try_from(pass.waiting.len()).unwrap_or(i64::MAX);
        self.metrics.watch.rejudge_waiting.set(waiting);
        went
    }

    async fn go_on(&self, pass: &mut Pass, round: &RejudgeRound<'_>) -> Result<(), LedgerError> {
        if pass.waiting.is_empty() {
            if !self.is_due(pass, round) {
                return Ok(());
            }
            *pass = self.begin(round).await?;
        }
        let until = Instant::now() + ROUND_DURATION;
        while !pass.waiting.is_empty() && Instant::now() < until {
            for _ in 0..AT_ONCE.min(pass.waiting.len()) {
                if let Some(image) = pass.waiting.pop_front() {
                    self.look_at(pass, round, image).await;
                }
            }
            self.write(pass, round.is_written).await?;
            tokio::task::yield_now().await;
        }
        if pass.waiting.is_empty() {
            self.end(pass, round.is_written).await?;
        }
        Ok(())
    }

    fn basis(&self, rulebook: &Rulebook) -> Basis {
        Basis {
            change: self.ledger.index().seq(),
            revision: rulebook.revision(),
        }
    }

    fn is_due(&self, pass: &Pass, round: &RejudgeRound<'_>) -> bool {
        let age = round.now.duration_since(pass.began);
        pass.basis != Some(self.basis(round.rulebook))
            || pass.ends.is_some_and(|end| end <= round.now)
            || age >= IN_USE_REFRESH
            || age.is_negative()
    }

    async fn begin(&self, round: &RejudgeRound<'_>) -> Result<Pass, LedgerError> {
        let basis = Some(self.basis(round.rulebook));
        let known = self.ledger.denied_in_use(0, None).await?.into_iter();
        let known = known.map(|it| {
            let denied = it.denied;
            (denied.subject, (denied.denial.reason, denied.is_running))
        });
        Ok(Pass {
            known: known.collect(),
            waiting: self.in_use(round).await?,
            basis,
            began: round.now,
            ..Pass::default()
        })
    }

    /// What runs, what was pulled lately, and what was denied within the hour, each once.
    async fn in_use(&self, round: &RejudgeRound<'_>) -> Result<VecDeque<ImageInUse>, LedgerError> {
        let [lately, before] = [PULLED_WITHIN, KEPT_WITHIN]
            .map(|ago| round.now.checked_sub(ago).unwrap_or(Timestamp::MIN));
        let has_agents = |it: &Subject| nodes_of(round.rulebook, it).is_some();
        let any = round.rulebook.environments().any(|it| it.nodes.is_some());
        let since = if any { before } else { lately };
        let most = u32::try_from(MAX_IN_USE).unwrap_or(u32::MAX);
        let pulled = self.ledger.subjects_pulled_since(since, most, |_| true);
        let pulled = pulled.await?.into_iter();
        let pulled = pulled.filter_map(|(subject, at)| match at >= lately {
            true => Some((subject, ImageUsage::Pulled)),
            false => has_agents(&subject).then_some((subject, ImageUsage::Kept)),
        });
        let denied = self.records.recorder.denied_subjects().into_iter();
        let denied = denied.map(|subject| (subject, ImageUsage::Denied));
        let not_running = pulled.chain(denied).map(|(subject, usage)| ImageInUse {
            exposure: (round.pulled)(&subject),
            subject,
            usage,
        });
        let mut seen: HashMap<Subject, usize> = HashMap::new();
        let mut images: Vec<ImageInUse> = Vec::new();
        for image in (round.running)().into_iter().chain(not_running) {
            match seen.get(&image.subject) {
                Some(&at) => images[at].exposure = stricter(images[at].exposure, image.exposure),
                None if images.len() == MAX_IN_USE => break,
                None => {
                    seen.insert(image.subject.clone(), images.len());
                    images.push(image);
                }
            }
        }
        Ok(images.into())
    }

    async fn look_at(&self, pass: &mut Pass, round: &RejudgeRound<'_>, image: ImageInUse) {
        let question = Question {
            rulebook: round.rulebook,
            subject: &image.subject,
            exposure: image.exposure,
            now: round.now,
            depth: 0,
        };
        let verdict = match self.judge.cached(question) {
            Some(cached) => Some(cached.verdict.clone()),
            None => self.judge_anew(question).await,
        };
        match verdict {
            Some(verdict) => self.note(pass, image, &verdict, (round.rulebook, round.now)),
            // Nothing is known of it by now; what was known stands.
            None => drop(pass.seen.insert(image.subject)),
        }
    }

    /// Reads nothing of an upstream for it: an image that was never let through is not
    /// known well enough, and one that its upstream vouches for is asked for when it is
    /// pulled.
    async fn judge_anew(&self, question: Question<'_>) -> Option<Arc<Verdict>> {
        let subject = question.subject;
        let host = subject.repository.host();
        let vouching = question
            .rulebook
            .vouching(host, &subject.environment, question.now);
        let index = self.ledger.index();
        index.closure(&subject.repository, &subject.digest)?;
        if vouching.is_some() {
            return None;
        }
        let started = Instant::now();
        let verdict = self.judge.verdict(question).await.ok();
        self.metrics.watch.rejudged.inc();
        rest(started.elapsed()).await;
        verdict
    }

    fn note(
        &self,
        pass: &mut Pass,
        image: ImageInUse,
        verdict: &Verdict,
        (rulebook, now): (&Rulebook, Timestamp),
    ) {
        let end = verdict.valid_until().filter(|end| *end > now);
        pass.ends = pass.ends.into_iter().chain(end).min();
        let known = pass.known.get(&image.subject).copied();
        match verdict.denial() {
            // Something could not be read, which says nothing of the image.
            Some(denial) if denial.reason == DenialReason::Undecidable => {}
            // It was never let through.
            Some(_) if image.usage == ImageUsage::Denied => {
                self.records.recorder.rejudged(&image.subject, false);
            }
            Some(denial) if image.is_kept_and_may_start(rulebook, denial.reason) => {
                if known.is_some() {
                    pass.lifted.push(image.subject.clone());
                }
            }
            Some(denial) => {
                let is_running = image.usage == ImageUsage::Running;
                if known != Some((denial.reason, is_running)) {
                    pass.turned.push(DeniedInUse {
                        subject: image.subject.clone(),
                        denial: denial.clone(),
                        is_running,
                        since: now,
                    });
                }
            }
            None => {
                self.records.recorder.rejudged(&image.subject, true);
                if known.is_some() {
                    pass.lifted.push(image.subject.clone());
                }
            }
        }
        pass.seen.insert(image.subject);
    }

    async fn write(&self, pass: &mut Pass, is_written: bool) -> Result<(), LedgerError> {
        if is_written && !(pass.turned.is_empty() && pass.lifted.is_empty()) {
            self.ledger.note_in_use(&pass.turned, &pass.lifted).await?;
        }
        pass.turned.clear();
        pass.lifted.clear();
        Ok(())
    }

    /// What is used no more is forgotten.
    async fn end(&self, pass: &mut Pass, is_written: bool) -> Result<(), LedgerError> {
        let known = pass.known.keys();
        let unused: Vec<Subject> = known
            .filter(|it| !pass.seen.contains(it))
            .cloned()
            .collect();
        pass.lifted.extend(unused);
        self.write(pass, is_written).await?;
        pass.known.clear();
        pass.seen.clear();
        Ok(())
    }
}

impl ImageInUse {
    /// Whether it is of no interest although it is denied: a pull finds that out, and a node
    /// may start what it has.
    fn is_kept_and_may_start(&self, rulebook: &Rulebook, reason: DenialReason) -> bool {
        let policy = nodes_of(rulebook, &self.subject);
        self.usage == ImageUsage::Kept && policy.is_none_or(|it| !it.denies(reason))
    }
}

fn nodes_of<'a>(rulebook: &'a Rulebook, subject: &Subject) -> Option<&'a NodePolicy> {
    rulebook.environment(&subject.environment)?.nodes.as_ref()
}

fn stricter(one: ExposureInput, other: ExposureInput) -> ExposureInput {
    match (one, other) {
        (ExposureInput::Reached, _) | (_, ExposureInput::Reached) => ExposureInput::Reached,
        (ExposureInput::Listener(Exposure::Internal), other) => other,
        (one, _) => one,
    }
}

/// Leaves the workers to others: longer where these wait for them.
async fn rest(took: Duration) {
    tokio::time::sleep((took * REST_FACTOR).min(MAX_REST)).await;
    let asked = Instant::now();
    tokio::task::yield_now().await;
    if asked.elapsed() > BUSY_TURN {
        tokio::time::sleep(BUSY_REST).await;
    }
}
