//! The only maker of decisions.
//!
//! Identical denials within a minute are one decision with one id and a count
//! ([`OpenDenials`]); a first pass per principal, image and hour is one too
//! ([`RecordedPasses`]). Decisions go into one bounded queue: full, it holds
//! denials back rather than drop them, and passes collapse into a count.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use prometheus_client::metrics::counter::Counter;
use tokio::sync::mpsc;

use super::DenialAnswer;
use super::decision::{JudgedRequest, RequestRecord, decision, fresh_id};
use super::denied_images::DeniedImages;
use super::open_denials::{DenialKey, OpenDenial, OpenDenials};
use super::recorded_passes::{PassKey, RecordedPasses};
use crate::gate::Client;
use crate::metrics::{DecisionLabels, DeniedLabels, Metrics};
use crate::trust::{Decision, Denial, DenialReason, EnvironmentName, Subject, Verdict};

/// Bytes of open denials at most: tens of thousands, or some hundreds of the
/// longest.
const MAX_OPEN_DENIAL_BYTES: u64 = 32 << 20;
/// Bytes of recorded passes at most: about 80,000.
const MAX_PASS_BYTES: u64 = 32 << 20;
/// Bytes of images that count as denied at most.
const MAX_DENIED_IMAGE_BYTES: u64 = 16 << 20;

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
            queue,
            metrics,
        };
        (recorder, decisions)
    }

    /// The answer to a denial that is already open, counted once more. Memory only.
    pub(super) fn repeated(
        &self,
        key: &DenialKey,
        denial: &Denial,
        now: Timestamp,
    ) -> Option<Arc<DenialAnswer>> {
        self.denials.repeated(key, denial, now)
    }

    /// Records a denial and makes its answer. Waits while the queue is full:
    /// no denial goes unrecorded.
    pub(super) async fn denied(
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
    pub(super) async fn lifted(
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
        let key = DenialKey::of(ask, denial.reason);
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
    pub(super) fn passed_before(&self, client: &Client, verdict: &Verdict, now: Timestamp) -> bool {
        let key = || PassKey::new(client, None, verdict);
        !self.must_record(verdict) && self.passes.repeated(&key(), now)
    }

    /// Whether each one is recorded.
    fn must_record(&self, verdict: &Verdict) -> bool {
        self.config.every_pass || verdict.is_by_break_glass()
    }

    /// Records a pass, once an hour unless every one is wanted; one by break-glass
    /// always. Returns whether it was the first.
    pub(super) fn passed(
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
    pub(super) fn pulled_since(&self, moment: Timestamp) -> Vec<Subject> {
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

#[cfg(test)]
mod tests;
