//! Judging anew: closure, evidence, verdict, and remembering it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::check::Question;
use super::closures::{Known, Read};
use super::{Gate, Refusal};
use crate::oci::{Closure, Content, Digest, Image, Shape};
use crate::trust::{Denial, DenialReason, Evidence, Standing, Subject, Verdict};

/// How long a referrer rests on the verdict of what it refers to, so that a
/// change there reaches it as soon as any other.
const SUBJECT_HOLDS: SignedDuration = SignedDuration::from_millis(500);

impl Gate {
    /// Judges anew, and remembers the verdict where a change could reach it.
    pub(super) async fn judge(&self, question: Question<'_>) -> Result<Arc<Verdict>, Refusal> {
        let subject = question.subject;
        let found = self
            .closure(&subject.repository, &subject.digest, question.now)
            .await?;
        match found {
            Known::Recorded(closure) => self.judge_recorded(question, closure).await,
            Known::Unrecorded(read) => self.judge_unrecorded(question, read).await,
            Known::Unfit(why) => Ok(Arc::new(unfit(question, &why))),
        }
    }

    async fn judge_recorded(
        &self,
        question: Question<'_>,
        closure: Arc<Closure>,
    ) -> Result<Arc<Verdict>, Refusal> {
        let (evidence, seq) = self.evidence(question, closure).await;
        let verdict = Arc::new(question.verdict(&evidence));
        let standing = Arc::new(Standing {
            verdict: verdict.clone(),
            seq,
        });
        if evidence.confirmed {
            let index = self.ledger.index();
            index.remember(question.subject, verdict.exposure(), standing);
        }
        Ok(verdict)
    }

    /// A closure that nobody recorded is judged each time, from memory: a
    /// remembered denial could not be reached by the evidence that lifts it.
    /// Once it passes it is recorded, and its manifests are kept; a revoked one
    /// is recorded too, since the revocation holds for all below it.
    async fn judge_unrecorded(
        &self,
        question: Question<'_>,
        read: Read,
    ) -> Result<Arc<Verdict>, Refusal> {
        let (evidence, _) = self.evidence(question, read.closure.clone()).await;
        let verdict = question.verdict(&evidence);
        if !verdict.is_allowed() && !is_revoked(&verdict) {
            return Ok(Arc::new(verdict));
        }
        let repository = &question.subject.repository;
        let root = read.closure.root();
        match self.ledger.record_closure(repository, &read.closure).await {
            Ok(()) if self.ledger.index().closure(repository, root).is_some() => {
                if verdict.is_allowed() {
                    self.keep_manifests(&read, question.now).await;
                }
                self.closures.forget(repository, root);
                self.judge_recorded(question, read.closure).await
            }
            recorded => {
                // The closure is known all the same; only its record is missing, or
                // cannot be read back.
                self.closures.note_below(repository, &read.closure);
                if let Err(error) = recorded {
                    tracing::error!(%error, image.repository = %repository, "closure not recorded");
                }
                Ok(Arc::new(verdict))
            }
        }
    }

    async fn keep_manifests(&self, read: &Read, now: Timestamp) {
        for (digest, media_type, bytes) in read.bodies.iter() {
            let kept = self
                .cache
                .store_manifest(digest, media_type.clone(), bytes.clone(), now);
            if let Err(error) = kept.await {
                tracing::warn!(%error, image.digest = %digest, "manifest not cached");
            }
        }
    }

    /// All that is known of a subject, and the change that it rests on.
    pub(super) async fn evidence(
        &self,
        question: Question<'_>,
        closure: Arc<Closure>,
    ) -> (Evidence, u64) {
        let (mut evidence, seq) = self.recorded_evidence(question, closure).await;
        self.add_unrecorded_above(question.subject, &mut evidence);
        if lacks_papers(&evidence) {
            let served_before = evidence.first_served.is_some();
            evidence.vouched_until = self.vouched_until(question, served_before).await;
        }
        evidence.subject_permitted_until = self.subject_permitted_until(question, &evidence).await;
        self.add_leave(question.subject, &mut evidence);
        self.add_age(question, &mut evidence).await;
        self.add_history(question, &mut evidence).await;
        self.add_bases(question, &mut evidence).await;
        (evidence, seq)
    }

    /// Leave that memory knows of: it needs no evidence on the subject.
    fn add_leave(&self, subject: &Subject, evidence: &mut Evidence) {
        let index = self.ledger.index();
        (evidence.break_glass, evidence.timed_mode) = index.leave(subject, &evidence.above);
    }

    /// When it was first seen, where that matters: now, if never before.
    async fn add_age(&self, question: Question<'_>, evidence: &mut Evidence) {
        let wanted = question.settings().map(|settings| settings.min_age);
        if wanted.is_none_or(|age| age <= SignedDuration::ZERO) || evidence.first_seen.is_some() {
            return;
        }
        let subject = question.subject;
        match self.ledger.first_seen(subject, &evidence.above).await {
            Ok(Some(seen)) => evidence.first_seen = Some(seen),
            Ok(None) => {
                evidence.first_seen = Some(self.facts.seen(subject, question.now));
            }
            Err(error) => {
                tracing::error!(%error, "first seen not readable");
                evidence.confirmed = false;
            }
        }
    }

    /// Since when findings are known, where a worse report has grace.
    async fn add_history(&self, question: Question<'_>, evidence: &mut Evidence) {
        let grace = question.settings().map(|settings| settings.grace_for_worse);
        if grace.is_none_or(|grace| grace <= SignedDuration::ZERO) || evidence.scans.is_empty() {
            return;
        }
        let manifests = evidence.closure.images().map(|image| &image.manifest);
        match self.ledger.first_named(manifests).await {
            Ok(named) => evidence.first_named = named,
            Err(error) => {
                tracing::error!(%error, "history of findings not readable");
                evidence.confirmed = false;
            }
        }
    }

    /// What the ledger holds. Nothing there costs no SQL.
    async fn recorded_evidence(
        &self,
        question: Question<'_>,
        closure: Arc<Closure>,
    ) -> (Evidence, u64) {
        let index = self.ledger.index();
        let seq = index.seq();
        let subject = question.subject;
        if self.ledger.is_silent(question.now) {
            return (self.unconfirmed_evidence(subject, closure), seq);
        }
        let known = closure.digests().any(|digest| index.has_evidence(digest));
        if index.is_complete() && !known {
            return (Evidence::none(closure), seq);
        }
        match self.ledger.evidence(subject, closure.clone()).await {
            Ok(found) => found,
            Err(error) => {
                tracing::error!(%error, image.digest = %subject.digest, "evidence not readable");
                (self.unconfirmed_evidence(subject, closure), seq)
            }
        }
    }

    /// An index that holds the subject, where the ledger could not record it:
    /// what an index is served for without the ledger, its children are, too.
    fn add_unrecorded_above(&self, subject: &Subject, evidence: &mut Evidence) {
        let Some(closure) = self.closures.above(&subject.repository, &subject.digest) else {
            return;
        };
        let root = closure.root();
        if !evidence.above.contains(root) {
            let revocations = self.ledger.index().revocations(root);
            evidence.revocations.extend(revocations);
            evidence.above.push(root.clone());
        }
    }

    /// Only what memory knows: revocations hold whatever the ledger does.
    fn unconfirmed_evidence(&self, subject: &Subject, closure: Arc<Closure>) -> Evidence {
        let index = self.ledger.index();
        let above = index.indexes_holding(&subject.repository, &subject.digest);
        let revocations = closure
            .digests()
            .chain(&above)
            .flat_map(|digest| index.revocations(digest))
            .collect();
        Evidence {
            above,
            revocations,
            confirmed: false,
            ..Evidence::none(closure)
        }
    }

    /// Rule 13: until when the manifest that a referrer refers to is permitted.
    async fn subject_permitted_until(
        &self,
        question: Question<'_>,
        evidence: &Evidence,
    ) -> Option<Timestamp> {
        if question.depth > 0 {
            return None;
        }
        for digest in referred(evidence) {
            let subject = Subject {
                digest,
                ..question.subject.clone()
            };
            let asked = Question {
                subject: &subject,
                depth: question.depth + 1,
                ..question
            };
            if let Ok(verdict) = self.verdict_of_another(asked).await
                && verdict.permit(question.now).is_some()
            {
                return question.now.checked_add(SUBJECT_HOLDS).ok();
            }
        }
        None
    }

    /// [`Gate::verdict`], boxed since a referrer, or what is built on a base, asks
    /// it within itself.
    pub(super) fn verdict_of_another<'a>(
        &'a self,
        question: Question<'a>,
    ) -> Pin<Box<dyn Future<Output = Result<Arc<Verdict>, Refusal>> + Send + 'a>> {
        Box::pin(self.verdict(question))
    }
}

/// Whether an upstream's word could stand in for something.
fn lacks_papers(evidence: &Evidence) -> bool {
    let unscanned = |image: &Image| {
        let mut scans = evidence.scans.iter();
        !scans.any(|scan| scan.manifest == image.manifest)
    };
    evidence.promotions.is_empty() || evidence.closure.images().any(unscanned)
}

/// What a referrer refers to; for an attestation, the indexes that hold it.
fn referred(evidence: &Evidence) -> Vec<Digest> {
    let Shape::Image(image) = evidence.closure.shape() else {
        return Vec::new();
    };
    match image.content {
        Content::Runnable { .. } => Vec::new(),
        Content::Attestation => evidence.above.clone(),
        Content::Artifact { .. } => image.subject.iter().cloned().collect(),
    }
}

fn is_revoked(verdict: &Verdict) -> bool {
    let mut denials = verdict.denials().iter();
    denials.any(|denial| denial.reason == DenialReason::Revoked)
}

fn unfit(question: Question<'_>, why: &str) -> Verdict {
    let denial = Denial::new(
        DenialReason::ManifestRefused,
        why,
        "rebuild the image as plain OCI",
    );
    question.refused(denial)
}
