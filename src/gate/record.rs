//! The only maker of decisions.
//!
//! Identical denials within a minute are one decision with one id and a count;
//! a first pass per principal, image and hour is one too. Decisions go into one
//! bounded queue: full, it holds denials back rather than drop them, and passes
//! collapse into a count.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use dashmap::DashMap;
use jiff::{SignedDuration, Timestamp};
use prometheus_client::metrics::counter::Counter;
use tokio::sync::mpsc;

use super::judged::{Ask, Judged, decision, fresh_id};
use super::{Asker, DenialAnswer};
use crate::metrics::{DecisionLabels, DeniedLabels, Metrics};
use crate::oci::{Digest, Repository};
use crate::trust::{Decision, Denial, DenialReason, EnvironmentName, Place, Subject, Verdict};

/// Identical denials within this long are one decision.
const WINDOW: SignedDuration = SignedDuration::from_secs(60);
/// A pass is recorded once in this long.
const PASS_WINDOW: SignedDuration = SignedDuration::from_hours(1);
/// Denials and passes remembered at most; beyond, each is recorded by itself.
const REMEMBERED: usize = 100_000;

/// What is recorded, and how it is linked.
#[derive(Clone, Debug)]
pub struct RecorderConfig {
    /// Where people read decisions: `https://sekisho.example`, or empty.
    pub public_url: String,
    /// Every pass, not only the first of an hour.
    pub every_pass: bool,
}

/// What makes two denials the same.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct DenialKey {
    listener: Arc<str>,
    principal: Arc<str>,
    place: Option<Place>,
    what: What,
    reason: DenialReason,
}

#[derive(Clone, PartialEq, Eq, Hash)]
enum What {
    Image(Repository, Digest),
    Name(String),
}

impl DenialKey {
    pub(super) fn of_image(asker: &Asker, subject: &Subject, reason: DenialReason) -> Self {
        let what = What::Image(subject.repository.clone(), subject.digest.clone());
        Self::new(asker, None, what, reason)
    }

    fn of(ask: &Ask<'_>, reason: DenialReason) -> Self {
        let what = match (&ask.repository, &ask.digest) {
            (Some(repository), Some(digest)) => {
                What::Image(Repository::clone(repository), digest.clone())
            }
            _ => What::Name(ask.image.clone()),
        };
        Self::new(ask.asker, ask.place.cloned(), what, reason)
    }

    fn new(asker: &Asker, place: Option<Place>, what: What, reason: DenialReason) -> Self {
        Self {
            listener: asker.listener.name.clone(),
            principal: asker.principal.shared_name(),
            place,
            what,
            reason,
        }
    }
}

/// A denial whose minute has not run out.
struct OpenDenial {
    answer: Arc<DenialAnswer>,
    decision: Decision,
    count: AtomicU64,
    counted: Counter,
}

/// What makes two passes the same: also what they would be denied for.
#[derive(Clone, PartialEq, Eq, Hash)]
struct PassKey {
    principal: Arc<str>,
    /// Of a cluster, where it was asked for there.
    namespace: Option<Arc<str>>,
    subject: Subject,
    lifted: Box<[DenialReason]>,
}

impl PassKey {
    /// Allocates nothing where nothing is lifted.
    fn new(asker: &Asker, place: Option<&Place>, verdict: &Verdict) -> Self {
        let denials = verdict.denials().iter();
        Self {
            principal: asker.principal.shared_name(),
            namespace: place.map(|place| place.namespace.clone()),
            subject: verdict.subject().clone(),
            lifted: denials.map(|denial| denial.reason).collect(),
        }
    }
}

/// A pass that stands in the record.
struct Pass {
    recorded: Timestamp,
    /// When it was last given, in seconds since the epoch.
    last: AtomicI64,
    counted: Counter,
}

/// Makes decisions and hands them to the one writer.
pub struct Recorder {
    config: RecorderConfig,
    denials: DashMap<DenialKey, Arc<OpenDenial>>,
    passes: DashMap<PassKey, Pass>,
    denied_images: DashMap<(EnvironmentName, DenialReason, What), Timestamp>,
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
            denials: DashMap::new(),
            passes: DashMap::new(),
            denied_images: DashMap::new(),
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
        let open = self.denials.get(key)?;
        let same = open.answer.denial() == denial;
        if !same || now.duration_since(open.decision.time) >= WINDOW {
            return None;
        }
        open.count.fetch_add(1, Ordering::Relaxed);
        open.counted.inc();
        Some(open.answer.clone())
    }

    /// Records a denial and makes its answer. Waits while the queue is full:
    /// no denial goes unrecorded.
    pub(super) async fn denied(
        &self,
        ask: &Ask<'_>,
        judged: Judged<'_>,
        now: Timestamp,
    ) -> Option<Arc<DenialAnswer>> {
        let denial = judged.denial()?;
        Some(self.against(ask, judged, denial, now).await)
    }

    /// Records what speaks against an image that cannot be judged, and passes by
    /// the mode alone.
    pub(super) async fn lifted(
        &self,
        ask: &Ask<'_>,
        judged: Judged<'_>,
        now: Timestamp,
    ) -> Option<Arc<DenialAnswer>> {
        let denial = judged.denials.first()?;
        Some(self.against(ask, judged, denial, now).await)
    }

    async fn against(
        &self,
        ask: &Ask<'_>,
        judged: Judged<'_>,
        denial: &Denial,
        now: Timestamp,
    ) -> Arc<DenialAnswer> {
        let key = DenialKey::of(ask, denial.reason);
        self.observe(ask);
        if let Some(answer) = self.repeated(&key, denial, now) {
            return answer;
        }
        if judged.denial().is_some() {
            self.note_denied_image(&key, judged, now);
        }
        let id = fresh_id();
        let answer = Arc::new(DenialAnswer::new(
            denial.clone(),
            id.clone(),
            &self.config.public_url,
        ));
        let decision = decision(id, ask, judged, answer.message(), now);
        let counted = self.counter(ask, judged);
        counted.inc();
        let open = OpenDenial {
            answer: answer.clone(),
            decision: decision.clone(),
            count: AtomicU64::new(1),
            counted,
        };
        let replaced = self.open(key, open);
        for decision in replaced.into_iter().chain([decision]) {
            // The receiver lives as long as the writer; without one nothing is
            // served for long, since readiness fails.
            let _ = self.queue.send(decision).await;
        }
        answer
    }

    /// Opens a denial; gives back the closed count of the one it replaces.
    fn open(&self, key: DenialKey, open: OpenDenial) -> Option<Decision> {
        if self.denials.len() >= REMEMBERED && !self.denials.contains_key(&key) {
            return None;
        }
        let replaced = self.denials.insert(key, Arc::new(open))?;
        replaced.closed()
    }

    fn note_denied_image(&self, key: &DenialKey, judged: Judged<'_>, now: Timestamp) {
        if self.denied_images.len() < REMEMBERED {
            let environment = judged.environment.clone();
            self.denied_images
                .insert((environment, key.reason, key.what.clone()), now);
        }
    }

    /// Whether this pass stands in the record already; if so it is counted.
    /// Memory only.
    pub(super) fn passed_before(&self, asker: &Asker, verdict: &Verdict, now: Timestamp) -> bool {
        !self.must_record(verdict) && self.is_recorded(&PassKey::new(asker, None, verdict), now)
    }

    /// Whether each one is recorded.
    fn must_record(&self, verdict: &Verdict) -> bool {
        self.config.every_pass || verdict.is_by_break_glass()
    }

    fn is_recorded(&self, key: &PassKey, now: Timestamp) -> bool {
        let Some(pass) = self.passes.get(key) else {
            return false;
        };
        let fresh = now.duration_since(pass.recorded) < PASS_WINDOW;
        if fresh {
            pass.last.store(now.as_second(), Ordering::Relaxed);
            pass.counted.inc();
        }
        fresh
    }

    /// Records a pass, once an hour unless every one is wanted; one by break-glass
    /// always. Returns whether it was the first.
    pub(super) fn passed(
        &self,
        ask: &Ask<'_>,
        verdict: &Verdict,
        judged: Judged<'_>,
        now: Timestamp,
    ) -> bool {
        self.observe(ask);
        let key = PassKey::new(ask.asker, ask.place, verdict);
        if !self.must_record(verdict) && self.is_recorded(&key, now) {
            return false;
        }
        let counted = self.counter(ask, judged);
        counted.inc();
        self.remember_pass(key, counted, now);
        let decision = decision(fresh_id(), ask, judged, "", now);
        if self.queue.try_send(decision).is_err() {
            self.metrics.decisions_collapsed.inc();
        }
        true
    }

    fn remember_pass(&self, key: PassKey, counted: Counter, now: Timestamp) {
        if self.passes.len() < REMEMBERED {
            let pass = Pass {
                recorded: now,
                last: AtomicI64::new(now.as_second()),
                counted,
            };
            self.passes.insert(key, pass);
        }
    }

    /// What was pulled since `moment`.
    pub(super) fn pulled_since(&self, moment: Timestamp) -> Vec<Subject> {
        let recent = |pass: &Pass| pass.last.load(Ordering::Relaxed) >= moment.as_second();
        let entries = self.passes.iter();
        entries
            .filter(|entry| recent(entry.value()))
            .map(|entry| entry.key().subject.clone())
            .collect()
    }

    /// Closes the windows that have run out: counts are written, gauges set.
    pub async fn close_once(&self, now: Timestamp) {
        let over = |open: &OpenDenial| now.duration_since(open.decision.time) >= WINDOW;
        self.close_denials(over).await;
        let within = |at: Timestamp| now.duration_since(at) < PASS_WINDOW;
        self.passes.retain(|_, pass| within(pass.recorded));
        self.denied_images.retain(|_, at| within(*at));
        self.show_denied_images();
    }

    /// Closes every window, at the end: no count is lost.
    pub async fn close_all(&self) {
        self.close_denials(|_| true).await;
    }

    async fn close_denials(&self, over: impl Fn(&OpenDenial) -> bool) {
        let mut closed = Vec::new();
        self.denials.retain(|_, open| {
            let over = over(open);
            if over {
                closed.extend(open.closed());
            }
            !over
        });
        for decision in closed {
            let _ = self.queue.send(decision).await;
        }
    }

    /// Distinct images denied in the last hour, by environment and reason.
    pub fn denied_images(&self) -> BTreeMap<(EnvironmentName, DenialReason), i64> {
        let mut counts = BTreeMap::new();
        for entry in &self.denied_images {
            let (environment, reason, _) = entry.key();
            *counts.entry((environment.clone(), *reason)).or_default() += 1;
        }
        counts
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

    fn counter(&self, ask: &Ask<'_>, judged: Judged<'_>) -> Counter {
        let labels = DecisionLabels {
            door: ask.door,
            environment: judged.environment.as_str().into(),
            upstream: ask.upstream().map_or("", |host| host.as_str()).into(),
            verdict: judged.outcome(),
            reason: judged.denials.first().map(|denial| denial.reason),
        };
        self.metrics.decisions.get_or_create_owned(&labels)
    }

    fn observe(&self, ask: &Ask<'_>) {
        let seconds = ask.started.elapsed().as_secs_f64();
        self.metrics.decision_seconds.observe(seconds);
    }
}

impl OpenDenial {
    /// The decision with its final count, when it differs from what was written.
    fn closed(&self) -> Option<Decision> {
        let count = self.count.load(Ordering::Relaxed);
        (count > 1).then(|| Decision {
            count,
            ..self.decision.clone()
        })
    }
}
