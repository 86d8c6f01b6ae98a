//! The only maker of decisions, and the outcome of each pull on its way there.
//!
//! [`Records`] words what came of a pull: a denial with its answer, or a pass.
//! [`Recorder`] makes the decision. Identical denials within a minute are one decision
//! with one id and a count ([`OpenDenials`]); a first pass per principal, image and hour
//! is one too ([`RecordedPasses`]). Decisions go into one bounded queue: full, it holds
//! denials back rather than drop them, and passes collapse into a count.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use jiff::Timestamp;
use prometheus_client::metrics::counter::Counter;
use tokio::sync::mpsc;

use super::decision::{JudgedRequest, RequestRecord, decision, fresh_id};
use super::denied_images::DeniedImages;
use super::open_denials::{DenialKey, OpenDenial, OpenDenials};
use super::recorded_passes::{PassKey, RecordedPasses};
use crate::gate::evidence::PullFacts;
use crate::gate::pull::{Client, Halt, Lane, Pull};
use crate::gate::refusal::{DenialAnswer, Refusal};
use crate::ledger::{FactKind, Ledger};
use crate::metrics::{DecisionLabels, DeniedLabels, Metrics};
use crate::oci::{Digest, Reference, printable};
use crate::trust::{
    Decision, Denial, DenialReason, Door, EnvironmentName, Mode, Permit, Rulebook, Subject,
    Verdict, denial_message,
};

/// Bytes of open denials at most: tens of thousands, or some hundreds of the
/// longest.
const MAX_OPEN_DENIAL_BYTES: u64 = 32 << 20;
/// Bytes of recorded passes at most: about 80,000.
const MAX_PASS_BYTES: u64 = 32 << 20;
/// Bytes of images that count as denied at most.
const MAX_DENIED_IMAGE_BYTES: u64 = 16 << 20;

/// The longest unresolvable image name in a record, in characters.
const MAX_NAME_CHARS: usize = 300;
/// From this age on, in seconds, decisions record how old the ledger's data are.
const STALE_AFTER_SECONDS: i64 = 5;

/// What is recorded, and how it is linked.
#[derive(Clone, Debug)]
pub struct RecorderConfig {
    /// Where people read decisions: `https://sekisho.example`, or empty.
    pub public_url: String,
    /// Every pass, not only the first of an hour.
    pub every_pass: bool,
}

/// Makes decisions and hands them to the one writer.
pub struct Recorder {
    config: RecorderConfig,
    denials: OpenDenials,
    passes: RecordedPasses,
    denied_images: DeniedImages,
    /// Since when all of them are counted, once those before the start are.
    denied_since: OnceLock<Timestamp>,
    queue: mpsc::Sender<Decision>,
    metrics: Metrics,
}

impl Recorder {
    /// A recorder, and the end of its queue for the writer.
    pub fn new(
        config: RecorderConfig,
        metrics: Metrics,
        queue_length: usize,
    ) -> (Self, mpsc::Receiver<Decision>) {
        let (queue, decisions) = mpsc::channel(queue_length);
        let recorder = Self {
            config,
            denials: OpenDenials::new(MAX_OPEN_DENIAL_BYTES, queue.clone()),
            passes: RecordedPasses::new(MAX_PASS_BYTES),
            denied_images: DeniedImages::new(MAX_DENIED_IMAGE_BYTES),
            denied_since: OnceLock::new(),
            queue,
            metrics,
        };
        (recorder, decisions)
    }

    /// The answer to a denial that is already open, counted once more. Memory only.
    pub(in crate::gate) fn repeated(
        &self,
        key: &DenialKey,
        denial: &Denial,
        now: Timestamp,
    ) -> Option<Arc<DenialAnswer>> {
        self.denials.repeated(key, denial, now)
    }

    /// Records a denial and makes its answer. Waits while the queue is full:
    /// no denial goes unrecorded.
    pub(in crate::gate) async fn denied(
        &self,
        ask: &RequestRecord<'_>,
        judged: JudgedRequest<'_>,
        now: Timestamp,
    ) -> Option<Arc<DenialAnswer>> {
        let denial = judged.denial()?;
        Some(self.against(ask, judged, denial, now).await)
    }

    /// Records what speaks against an image that cannot be judged, and passes by
    /// the mode alone.
    pub(in crate::gate) async fn lifted(
        &self,
        ask: &RequestRecord<'_>,
        judged: JudgedRequest<'_>,
        now: Timestamp,
    ) -> Option<Arc<DenialAnswer>> {
        let denial = judged.denials.first()?;
        Some(self.against(ask, judged, denial, now).await)
    }

    async fn against(
        &self,
        ask: &RequestRecord<'_>,
        judged: JudgedRequest<'_>,
        denial: &Denial,
        now: Timestamp,
    ) -> Arc<DenialAnswer> {
        let key = DenialKey::of(ask, (denial.reason, judged.outcome()));
        self.observe(ask);
        if let Some(answer) = self.repeated(&key, denial, now) {
            return answer;
        }
        if judged.denial().is_some() {
            self.denied_images.note(judged.environment, &key, now);
        }
        let first = self.first_denial(ask, judged, denial, now);
        self.denials.open(key, first).await
    }

    fn first_denial(
        &self,
        ask: &RequestRecord<'_>,
        judged: JudgedRequest<'_>,
        denial: &Denial,
        now: Timestamp,
    ) -> OpenDenial {
        let (id, url) = (fresh_id(), &self.config.public_url);
        let answer = DenialAnswer::new(denial.clone(), id.clone(), url);
        let decision = decision(id, ask, judged, answer.message(), now);
        OpenDenial::new(Arc::new(answer), decision, self.counter(ask, judged))
    }

    /// Whether this pass stands in the record already; if so it is counted.
    /// Memory only.
    pub(in crate::gate) fn passed_before(
        &self,
        client: &Client,
        verdict: &Verdict,
        now: Timestamp,
    ) -> bool {
        let key = || PassKey::new(client, None, verdict);
        !self.must_record(verdict) && self.passes.repeated(&key(), now)
    }

    /// Whether each one is recorded.
    fn must_record(&self, verdict: &Verdict) -> bool {
        self.config.every_pass || verdict.is_by_break_glass()
    }

    /// Records a pass, once an hour unless every one is wanted; one by break-glass
    /// always. Returns whether it was the first.
    pub(in crate::gate) fn passed(
        &self,
        ask: &RequestRecord<'_>,
        verdict: &Verdict,
        judged: JudgedRequest<'_>,
        now: Timestamp,
    ) -> bool {
        self.observe(ask);
        let key = PassKey::new(ask.client, ask.place, verdict);
        let must_record = self.must_record(verdict);
        if !must_record && self.passes.repeated(&key, now) {
            return false;
        }
        let is_first = self.passes.enter(key, self.counter(ask, judged), now);
        if !is_first && !must_record {
            return false;
        }
        let decision = decision(fresh_id(), ask, judged, "", now);
        if self.queue.try_send(decision).is_err() {
            self.metrics.decisions_collapsed.inc();
        }
        true
    }

    /// What was pulled since `moment`.
    pub(in crate::gate) fn pulled_since(&self, moment: Timestamp) -> Vec<Subject> {
        self.passes.pulled_since(moment)
    }

    /// Closes the windows that have run out: counts are written, gauges set.
    pub async fn close_once(&self, now: Timestamp) {
        self.denials.close_expired(now).await;
        self.passes.remove_expired(now);
        self.denied_images.remove_expired(now);
        self.show_denied_images();
    }

    /// Closes every window, at the end: no count is lost.
    pub async fn close_all(&self) {
        self.denials.close_all().await;
    }

    /// Distinct images denied in the last hour, by environment and reason.
    pub fn denied_images(&self) -> BTreeMap<(EnvironmentName, DenialReason), i64> {
        self.denied_images.counts()
    }

    /// Counts an image that was denied before the program started.
    pub fn remember_denied(&self, denied: &Decision) {
        self.denied_images.remember(denied);
    }

    /// Notes, once, since when all are counted that were denied before the start.
    pub fn denied_are_counted_since(&self, since: Timestamp) {
        let _ = self.denied_since.set(since);
    }

    /// Since when denied images are counted; `None`: since the start.
    pub fn denied_counted_since(&self) -> Option<Timestamp> {
        self.denied_since.get().copied()
    }

    /// What was denied in the last hour, as far as its digest is known.
    pub(in crate::gate) fn denied_subjects(&self) -> Vec<Subject> {
        self.denied_images.subjects()
    }

    /// What was denied counts only as long as it would be denied.
    pub(in crate::gate) fn rejudged(&self, subject: &Subject, allowed: bool) {
        self.denied_images.rejudged(subject, allowed);
    }

    fn show_denied_images(&self) {
        self.metrics.denied_images.clear();
        for ((environment, reason), count) in self.denied_images() {
            let labels = DeniedLabels {
                environment: environment.as_str().into(),
                reason,
            };
            let gauge = self.metrics.denied_images.get_or_create(&labels);
            gauge.set(count);
        }
    }

    fn counter(&self, ask: &RequestRecord<'_>, judged: JudgedRequest<'_>) -> Counter {
        let labels = DecisionLabels {
            door: ask.door,
            environment: judged.environment.as_str().into(),
            upstream: ask.upstream().map_or("", |host| host.as_str()).into(),
            verdict: judged.outcome(),
            reason: judged.denials.first().map(|denial| denial.reason),
        };
        self.metrics.decisions.get_or_create_owned(&labels)
    }

    fn observe(&self, ask: &RequestRecord<'_>) {
        let seconds = ask.started.elapsed().as_secs_f64();
        self.metrics.decision_seconds.observe(seconds);
    }
}

/// Passes the outcomes of pulls to the recorder.
pub(in crate::gate) struct Records {
    pub(in crate::gate) recorder: Recorder,
    ledger: Arc<Ledger>,
    facts: Arc<PullFacts>,
}

impl Records {
    pub(in crate::gate) fn new(
        recorder: Recorder,
        ledger: Arc<Ledger>,
        facts: Arc<PullFacts>,
    ) -> Self {
        Self {
            recorder,
            ledger,
            facts,
        }
    }

    /// The permit that a verdict gives; else its denial, recorded.
    pub(in crate::gate) async fn permit(
        &self,
        pull: Pull<'_>,
        reference: &Reference,
        verdict: &Verdict,
        lane: Lane,
    ) -> Result<Permit, Halt> {
        if let Some(permit) = verdict.permit(pull.now) {
            return Ok(permit);
        }
        match lane {
            Lane::Memory => Err(self.denied_before(pull, verdict)),
            Lane::Layered => Err(Box::pin(self.denied(pull, reference, verdict)).await.into()),
        }
    }

    /// The answer to a denial that is open already, counted once more.
    fn denied_before(&self, pull: Pull<'_>, verdict: &Verdict) -> Halt {
        let Some(denial) = verdict.denial() else {
            return Halt::BeyondMemory;
        };
        let outcome = JudgedRequest::by(verdict).outcome();
        let came_out = (denial.reason, outcome);
        let key = DenialKey::of_image(pull.client, verdict.subject(), came_out);
        match self.recorder.repeated(&key, denial, pull.now) {
            Some(answer) => refusal(answer).into(),
            None => Halt::BeyondMemory,
        }
    }

    async fn denied(&self, pull: Pull<'_>, reference: &Reference, verdict: &Verdict) -> Refusal {
        let ask = self.ask(pull, reference, Some(verdict.subject().digest.clone()));
        self.deny(&ask, JudgedRequest::by(verdict), pull.now).await
    }

    /// Records a pass. In memory: only one that stands in the record already, and
    /// without anything to warn of.
    pub(in crate::gate) fn passed(
        &self,
        pull: Pull<'_>,
        reference: &Reference,
        verdict: &Verdict,
        lane: Lane,
    ) -> Result<(), Halt> {
        if lane == Lane::Memory {
            let recorder = &self.recorder;
            let known =
                !verdict.has_warnings() && recorder.passed_before(pull.client, verdict, pull.now);
            return known.then_some(()).ok_or(Halt::BeyondMemory);
        }
        let ask = self.ask(pull, reference, Some(verdict.subject().digest.clone()));
        let judged = JudgedRequest::by(verdict);
        if self.recorder.passed(&ask, verdict, judged, pull.now) {
            // The subject was served: a fact that later judgement needs.
            let kind = served_as(verdict);
            self.facts.note(kind, verdict.subject(), pull.now);
        }
        Ok(())
    }

    /// A blob that a denied image holds, recorded under the blob's own name.
    pub(in crate::gate) async fn deny_blob(
        &self,
        pull: Pull<'_>,
        blob: &Digest,
        verdict: &Verdict,
    ) -> Refusal {
        let ask = self.ask(pull, &Reference::Digest(blob.clone()), Some(blob.clone()));
        self.deny(&ask, JudgedRequest::by(verdict), pull.now).await
    }

    /// A denial that needs no evidence, recorded. `image`: as it was asked for.
    pub(in crate::gate) async fn refuse(
        &self,
        pull: Pull<'_>,
        rulebook: &Rulebook,
        image: String,
        denial: Denial,
    ) -> Refusal {
        let judged = JudgedRequest::refused(pull.client, &denial, rulebook.revision());
        let ask = self.ask_of(pull, image, None);
        self.deny(&ask, judged, pull.now).await
    }

    /// A denial of an address that names no repository here, recorded.
    pub(in crate::gate) async fn refuse_address(
        &self,
        client: &Client,
        rulebook: &Rulebook,
        name: &str,
        denial: Denial,
        (now, started): (Timestamp, Instant),
    ) -> Refusal {
        let ask = RequestRecord {
            door: Door::Registry,
            client,
            place: None,
            image: printable(name, MAX_NAME_CHARS),
            repository: None,
            digest: None,
            started,
            ledger_age_s: None,
        };
        let judged = JudgedRequest::refused(client, &denial, rulebook.revision());
        self.deny(&ask, judged, now).await
    }

    async fn deny(
        &self,
        ask: &RequestRecord<'_>,
        judged: JudgedRequest<'_>,
        now: Timestamp,
    ) -> Refusal {
        match self.recorder.denied(ask, judged, now).await {
            Some(answer) => refusal(answer),
            // The verdict allows, but its time ran out meanwhile.
            None => Refusal::judged_too_late(),
        }
    }

    fn ask<'a>(
        &self,
        pull: Pull<'a>,
        reference: &Reference,
        digest: Option<Digest>,
    ) -> RequestRecord<'a> {
        self.ask_of(pull, pull.image(reference), digest)
    }

    fn ask_of<'a>(
        &self,
        pull: Pull<'a>,
        image: String,
        digest: Option<Digest>,
    ) -> RequestRecord<'a> {
        RequestRecord {
            door: Door::Registry,
            client: pull.client,
            place: None,
            image,
            repository: Some(pull.repository()),
            digest,
            started: pull.started,
            ledger_age_s: self.ledger_age(pull.now),
        }
    }

    /// Age of what is known of the ledger, in seconds, when it is not fresh.
    pub(in crate::gate) fn ledger_age(&self, now: Timestamp) -> Option<i64> {
        let age = self.ledger.confirmed_age(now).as_secs();
        (age > STALE_AFTER_SECONDS).then_some(age)
    }
}

/// What passes by the mode or by break-glass alone was never admitted: no grace follows.
fn served_as(verdict: &Verdict) -> FactKind {
    match verdict.is_by_mode() || verdict.is_by_break_glass() {
        true => FactKind::Lifted,
        false => FactKind::Served,
    }
}

fn refusal(answer: Arc<DenialAnswer>) -> Refusal {
    match answer.denial().reason {
        DenialReason::Undecidable => Refusal::Undecidable(answer),
        _ => Refusal::Denied(answer),
    }
}

/// What `warn` shows of the reasons that it lifts, and what runs out soon.
pub(in crate::gate) fn shown_warnings(verdict: &Verdict) -> Vec<String> {
    let lifted = verdict
        .lifted()
        .filter(|_| verdict.mode() == Mode::Warn)
        .map(|denial| denial_message(denial, ""));
    let soon = verdict.warnings().map(|text| format!("sekisho: {text}"));
    lifted.chain(soon).collect()
}

#[cfg(test)]
mod tests;
