//! What another policy would change: recorded decisions, judged again on the
//! evidence of today under the policy in force and under the other one.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::Semaphore;
use tokio::task::yield_now;

use super::closures::Closures;
use super::inspect::InspectError;
use super::judge::Judge;
use super::parts::Shared;
use super::pull::{ExposureInput, Question};
use super::record::JudgedRequest;
use crate::ledger::Ledger;
use crate::oci::{Digest, Repository};
use crate::trust::{
    Decision, DenialReason, EnvironmentName, ExposureSource, Outcome, Rulebook, Subject, Verdict,
    denial_message,
};

/// Distinct images that are judged for one replay.
pub const MAX_IMAGES_REPLAYED: u32 = 2000;
/// Replays that judge at once, whoever asks: judging under a large policy takes seconds of a
/// thread that answers people.
const MAX_REPLAYS_AT_ONCE: usize = 1;

/// What is replayed.
pub struct Replay<'a> {
    /// The policy to try.
    pub other: &'a Rulebook,
    pub since: Timestamp,
    /// The exposure of pulls in an environment, where a decision does not keep its
    /// listener's.
    pub exposure: &'a (dyn Fn(&EnvironmentName) -> ExposureInput + Send + Sync),
    /// What the client may see. Nothing else is replayed.
    pub is_visible: &'a (dyn Fn(&EnvironmentName, &Repository) -> bool + Send + Sync),
    pub now: Timestamp,
}

/// One image that would be decided otherwise.
#[derive(Clone, Debug)]
pub struct ReplayChange {
    pub environment: EnvironmentName,
    pub repository: Repository,
    pub digest: Digest,
    /// As it was asked for last.
    pub image: String,
    /// How often that was decided.
    pub count: u64,
    /// Under the policy in force.
    pub before: VerdictSummary,
    /// Under the other one.
    pub after: VerdictSummary,
}

/// A verdict in short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerdictSummary {
    pub outcome: Outcome,
    pub reasons: Vec<DenialReason>,
    /// The line that a client would read; empty for a pass.
    pub message: String,
}

/// The result of a replay.
#[derive(Clone, Debug, Default)]
pub struct Replayed {
    /// Distinct images that were judged under both.
    pub judged: u64,
    /// Images that cannot be judged now: gone upstream, or unreadable.
    pub unknown: u64,
    /// More images were decided on than are replayed at once.
    pub cut: bool,
    /// The other policy has no such environment; how many images it had.
    pub unknown_environment: u64,
    pub changes: Vec<ReplayChange>,
}

impl VerdictSummary {
    fn of(verdict: &Verdict) -> Self {
        let message = verdict.denials().first();
        Self {
            outcome: JudgedRequest::by(verdict).outcome(),
            reasons: verdict.denials().iter().map(|it| it.reason).collect(),
            message: message.map_or_else(String::new, |denial| denial_message(denial, "")),
        }
    }
}

/// Judges again what was decided.
pub(super) struct Replayer {
    ledger: Arc<Ledger>,
    closures: Arc<Closures>,
    judge: Arc<Judge>,
    turns: Semaphore,
}

impl Replayer {
    pub(super) fn new(shared: &Shared) -> Self {
        Self {
            ledger: shared.ledger.clone(),
            closures: shared.closures.clone(),
            judge: shared.judge.clone(),
            turns: Semaphore::new(MAX_REPLAYS_AT_ONCE),
        }
    }

    /// Judges what was decided since, under the policy in force and the other one, when its
    /// turn has come. Others are answered between any two images.
    pub(super) async fn replay(
        &self,
        current: &Rulebook,
        replay: &Replay<'_>,
    ) -> Result<Replayed, InspectError> {
        let _turn = self.turns.acquire().await;
        let sees = |decision: &Decision| {
            let subject = decision.subject();
            subject.is_some_and(|it| (replay.is_visible)(&it.environment, &it.repository))
        };
        let decided = self
            .ledger
            .decided_since(replay.since, MAX_IMAGES_REPLAYED + 1, sees);
        let mut decided = decided.await.map_err(|error| {
            tracing::error!(%error, "decisions not readable");
            InspectError::Unavailable("the decisions cannot be read".to_owned())
        })?;
        let mut replayed = Replayed {
            cut: decided.len() > MAX_IMAGES_REPLAYED as usize,
            ..Replayed::default()
        };
        decided.truncate(MAX_IMAGES_REPLAYED as usize);
        let mut images: BTreeMap<_, (Decision, u64)> = BTreeMap::new();
        for decision in decided {
            let Some(subject) = decision.subject() else {
                continue;
            };
            let key = (subject.environment, subject.repository, subject.digest);
            let count = decision.count;
            images.entry(key).or_insert((decision, 0)).1 += count;
        }
        for ((environment, repository, digest), (decision, count)) in images {
            let subject = Subject {
                environment,
                repository,
                digest,
            };
            self.replay_one(
                (current, replay),
                &subject,
                (&decision, count),
                &mut replayed,
            )
            .await;
            yield_now().await;
        }
        Ok(replayed)
    }

    async fn replay_one(
        &self,
        (current, replay): (&Rulebook, &Replay<'_>),
        subject: &Subject,
        (decision, count): (&Decision, u64),
        replayed: &mut Replayed,
    ) {
        if replay.other.environment(&subject.environment).is_none() {
            replayed.unknown_environment += 1;
            return;
        }
        let exposure = match decision.exposure_source {
            ExposureSource::Listener => ExposureInput::Listener(decision.exposure),
            ExposureSource::Cluster(_) => ExposureInput::Reached,
            ExposureSource::Rule(_) | ExposureSource::Asked => {
                (replay.exposure)(&subject.environment)
            }
        };
        let Ok((closure, aliases)) = self.closures.readable(subject, replay.now).await else {
            replayed.unknown += 1;
            return;
        };
        let mut summaries = Vec::new();
        for rulebook in [current, replay.other] {
            let question = Question {
                rulebook,
                subject,
                exposure,
                now: replay.now,
                depth: 0,
            };
            let (evidence, _) = self
                .judge
                .evidence(question, (closure.clone(), &aliases))
                .await;
            summaries.push(VerdictSummary::of(&question.verdict(&evidence)));
        }
        replayed.judged += 1;
        if let [before, after] = &summaries[..]
            && before.outcome != after.outcome
        {
            replayed.changes.push(ReplayChange {
                environment: subject.environment.clone(),
                repository: subject.repository.clone(),
                digest: subject.digest.clone(),
                image: decision.image.clone(),
                count,
                before: before.clone(),
                after: after.clone(),
            });
        }
    }
}
