//! The only maker of decisions.
//!
//! Identical denials within a minute are one decision with one id and a count;
//! a first pass per principal, digest and hour is one too. Decisions go into one
//! bounded queue: full, it holds denials back rather than drop them, and passes
//! collapse into a count.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use dashmap::DashMap;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::mpsc;

use super::{Asker, DenialAnswer};
use crate::metrics::{DecisionLabels, DeniedLabels, Metrics};
use crate::oci::{Digest, RegistryHost};
use crate::trust::{
    Decision, DecisionId, Denial, DenialReason, Door, EnvironmentName, Exposure, ExposureSource,
    Mode, Outcome, Verdict,
};

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

/// What was asked, for the record.
pub(super) struct Ask<'a> {
    pub(super) door: Door,
    pub(super) asker: &'a Asker,
    /// As it was asked for.
    pub(super) image: String,
    pub(super) upstream: Option<RegistryHost>,
    pub(super) digest: Option<Digest>,
    pub(super) started: Instant,
    /// Age of what is known of the ledger, in seconds, when it is not fresh.
    pub(super) ledger_age_s: Option<i64>,
}

/// What came of it, for the record.
#[derive(Clone, Copy)]
pub(super) struct Judged<'a> {
    environment: &'a EnvironmentName,
    /// Everything against it, gravest first.
    denials: &'a [Denial],
    /// The gravest that the mode does not lift.
    denial: Option<&'a Denial>,
    mode: Mode,
    exposure: Exposure,
    exposure_source: &'a ExposureSource,
    rulebook: u64,
    evidence: &'a [String],
    oldest_evidence: Option<Timestamp>,
}

impl<'a> Judged<'a> {
    pub(super) fn by(verdict: &'a Verdict) -> Self {
        Self {
            environment: &verdict.subject().environment,
            denials: verdict.denials(),
            denial: verdict.denial(),
            mode: verdict.mode(),
            exposure: verdict.exposure(),
            exposure_source: verdict.exposure_source(),
            rulebook: verdict.rulebook(),
            evidence: verdict.evidence(),
            oldest_evidence: verdict.oldest_evidence(),
        }
    }

    /// Refused before anything could be judged.
    pub(super) fn refused(asker: &'a Asker, denial: &'a Denial, rulebook: u64) -> Self {
        Self {
            environment: &asker.listener.environment,
            denials: std::slice::from_ref(denial),
            denial: Some(denial),
            mode: Mode::Enforce,
            exposure: asker.listener.exposure,
            exposure_source: &ExposureSource::Listener,
            rulebook,
            evidence: &[],
            oldest_evidence: None,
        }
    }

    /// Why nothing is served, if nothing is.
    pub(super) fn denial(&self) -> Option<&'a Denial> {
        self.denial
    }

    fn outcome(&self) -> Outcome {
        match (self.denial, self.denials) {
            (Some(_), _) => Outcome::Denied,
            (None, []) => Outcome::Allowed,
            (None, _) => Outcome::WouldDeny,
        }
    }
}

/// What makes two denials the same.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct DenialKey {
    listener: Arc<str>,
    principal: Arc<str>,
    what: What,
    reason: DenialReason,
}

#[derive(Clone, PartialEq, Eq, Hash)]
enum What {
    Digest(Digest),
    Name(String),
}

impl DenialKey {
    pub(super) fn of_digest(asker: &Asker, digest: &Digest, reason: DenialReason) -> Self {
        Self::new(asker, What::Digest(digest.clone()), reason)
    }

    fn of(ask: &Ask<'_>, reason: DenialReason) -> Self {
        let what = match &ask.digest {
            Some(digest) => What::Digest(digest.clone()),
            None => What::Name(ask.image.clone()),
        };
        Self::new(ask.asker, what, reason)
    }

    fn new(asker: &Asker, what: What, reason: DenialReason) -> Self {
        Self {
            listener: asker.listener.name.clone(),
            principal: asker.principal.shared_name(),
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
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct PassKey {
    principal: Arc<str>,
    environment: EnvironmentName,
    digest: Digest,
}

/// Makes decisions and hands them to the one writer.
pub struct Recorder {
    config: RecorderConfig,
    denials: DashMap<DenialKey, Arc<OpenDenial>>,
    passes: DashMap<PassKey, Timestamp>,
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
    pub(super) fn repeated(&self, key: &DenialKey, now: Timestamp) -> Option<Arc<DenialAnswer>> {
        let open = self.denials.get(key)?;
        if now.duration_since(open.decision.time) >= WINDOW {
            return None;
        }
        open.count.fetch_add(1, Ordering::Relaxed);
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
        let key = DenialKey::of(ask, denial.reason);
        self.count(ask, judged);
        if let Some(answer) = self.repeated(&key, now) {
            return Some(answer);
        }
        self.note_denied_image(&key, judged, now);
        let id = fresh_id();
        let answer = Arc::new(DenialAnswer::new(
            denial.clone(),
            id.clone(),
            &self.config.public_url,
        ));
        let decision = decision(id, ask, judged, answer.message(), now);
        let replaced = self.open(key, decision.clone(), answer.clone());
        for decision in replaced.into_iter().chain([decision]) {
            // The receiver lives as long as the writer; without one nothing is
            // served for long, since readiness fails.
            let _ = self.queue.send(decision).await;
        }
        Some(answer)
    }

    /// Opens a denial; gives back the closed count of the one it replaces.
    fn open(
        &self,
        key: DenialKey,
        decision: Decision,
        answer: Arc<DenialAnswer>,
    ) -> Option<Decision> {
        if self.denials.len() >= REMEMBERED && !self.denials.contains_key(&key) {
            return None;
        }
        let open = OpenDenial {
            answer,
            decision,
            count: AtomicU64::new(1),
        };
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

    /// Whether this pass stands in the record already. Memory only.
    pub(super) fn passed_before(&self, asker: &Asker, digest: &Digest, now: Timestamp) -> bool {
        !self.config.every_pass
            && self
                .passes
                .get(&pass_key(asker, digest))
                .is_some_and(|at| now.duration_since(*at) < PASS_WINDOW)
    }

    /// Records a pass, once an hour unless every one is wanted. Returns whether
    /// it was the first.
    pub(super) fn passed(&self, ask: &Ask<'_>, judged: Judged<'_>, now: Timestamp) -> bool {
        self.count(ask, judged);
        let Some(digest) = &ask.digest else {
            return false;
        };
        if self.passed_before(ask.asker, digest, now) {
            return false;
        }
        if self.passes.len() < REMEMBERED {
            self.passes.insert(pass_key(ask.asker, digest), now);
        }
        let decision = decision(fresh_id(), ask, judged, "", now);
        if self.queue.try_send(decision).is_err() {
            self.metrics.decisions_collapsed.inc();
        }
        true
    }

    /// Closes the windows that have run out: counts are written, gauges set.
    pub async fn close_once(&self, now: Timestamp) {
        let over = |open: &OpenDenial| now.duration_since(open.decision.time) >= WINDOW;
        let mut closed = Vec::new();
        self.denials.retain(|_, open| {
            if over(open) {
                closed.extend(open.closed());
            }
            !over(open)
        });
        for decision in closed {
            let _ = self.queue.send(decision).await;
        }
        let within = |at: &mut Timestamp| now.duration_since(*at) < PASS_WINDOW;
        self.passes.retain(|_, at| within(at));
        self.denied_images.retain(|_, at| within(at));
        self.show_denied_images();
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
                reason: reason.code(),
            };
            let gauge = self.metrics.denied_images.get_or_create(&labels);
            gauge.set(count);
        }
    }

    fn count(&self, ask: &Ask<'_>, judged: Judged<'_>) {
        let labels = DecisionLabels {
            door: ask.door.as_str(),
            environment: judged.environment.as_str().into(),
            upstream: ask
                .upstream
                .as_ref()
                .map_or("", RegistryHost::as_str)
                .into(),
            verdict: judged.outcome().as_str(),
            reason: judged
                .denials
                .first()
                .map_or("", |denial| denial.reason.code()),
        };
        self.metrics.decisions.get_or_create(&labels).inc();
        let seconds = ask.started.elapsed().as_secs_f64();
        self.metrics.decision_seconds.observe(seconds);
    }
}

fn decision(
    id: DecisionId,
    ask: &Ask<'_>,
    judged: Judged<'_>,
    message: &str,
    now: Timestamp,
) -> Decision {
    let age = |from: Timestamp| now.duration_since(from).as_secs();
    Decision {
        id,
        time: now,
        count: 1,
        door: ask.door,
        environment: judged.environment.clone(),
        principal: ask.asker.principal.name().to_owned(),
        client: ask.asker.client.map(|address| address.to_string()),
        image: ask.image.clone(),
        upstream: ask.upstream.clone(),
        digest: ask.digest.clone(),
        verdict: judged.outcome(),
        reasons: judged.denials.iter().map(|denial| denial.reason).collect(),
        message: message.to_owned(),
        mode: judged.mode,
        exposure: judged.exposure,
        exposure_source: judged.exposure_source.clone(),
        policy_revision: format!("{:016x}", judged.rulebook),
        evidence: judged.evidence.to_vec(),
        evidence_age_s: judged.oldest_evidence.map(age),
        ledger_age_s: ask.ledger_age_s,
        duration_us: u64::try_from(ask.started.elapsed().as_micros()).unwrap_or(u64::MAX),
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

fn pass_key(asker: &Asker, digest: &Digest) -> PassKey {
    PassKey {
        principal: asker.principal.shared_name(),
        environment: asker.listener.environment.clone(),
        digest: digest.clone(),
    }
}

/// 128 bits of the kernel's; where it has none, of a hasher's random keys.
fn fresh_id() -> DecisionId {
    let mut bytes = [0; 16];
    let filled = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty());
    if filled != Ok(bytes.len()) {
        let half = || RandomState::new().build_hasher().finish().to_ne_bytes();
        bytes[..8].copy_from_slice(&half());
        bytes[8..].copy_from_slice(&half());
    }
    DecisionId::from_random(u128::from_ne_bytes(bytes))
}
