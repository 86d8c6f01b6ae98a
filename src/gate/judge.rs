//! The verdict on a subject: the cached one while it holds, else a new one from
//! closure and evidence.

use std::sync::Arc;

use jiff::Timestamp;
use tracing::Instrument;

use super::closures::{Closures, KnownClosure, lacks_children};
use super::denied_records::DeniedRecords;
use super::evidence::{Doubts, Gathered, Sources};
use super::pull::{BoxedFuture, Halt, Lane, OtherVerdict, OtherVerdicts, Question};
use super::reading::{FetchedClosure, UnfitImage};
use super::refusal::Refusal;
use super::unrecorded_denials::{KnownUpTo, UnrecordedDenials};
use crate::cache::{Cache, ContentUse};
use crate::ledger::{Alias, Ledger};
use crate::oci::{Closure, Shape};
use crate::spans::trace_span;
use crate::trust::{
    CachedVerdict, Denial, DenialReason, Evidence, Mode, Requirement, Subject, Verdict,
};

/// A verdict, and whether it could not ask all that it rests on, so deep below the first
/// question.
struct Judged {
    verdict: Arc<Verdict>,
    cut_off: bool,
}

impl From<Arc<Verdict>> for Judged {
    fn from(verdict: Arc<Verdict>) -> Self {
        Self {
            verdict,
            cut_off: false,
        }
    }
}

/// Judges, and caches verdicts where a later change would reach them.
pub(super) struct Judge {
    ledger: Arc<Ledger>,
    cache: Arc<Cache>,
    closures: Arc<Closures>,
    sources: Sources,
    unrecorded: UnrecordedDenials,
    denied_records: DeniedRecords,
}

impl Judge {
    pub(super) fn new(
        ledger: Arc<Ledger>,
        cache: Arc<Cache>,
        closures: Arc<Closures>,
        sources: Sources,
    ) -> Self {
        Self {
            ledger,
            cache,
            closures,
            sources,
            unrecorded: UnrecordedDenials::new(),
            denied_records: DeniedRecords::new(),
        }
    }

    /// The verdict on a subject, in the lane of the pull.
    pub(super) async fn verdict_in(
        &self,
        question: Question<'_>,
        lane: Lane,
    ) -> Result<Arc<Verdict>, Halt> {
        if let Some(cached) = self.cached(question) {
            return Ok(cached.verdict.clone());
        }
        lane.may_wait()?;
        Ok(Box::pin(self.judge(question)).await?.verdict)
    }

    /// The verdict on a subject, judged anew when none is cached.
    pub(super) async fn verdict(&self, question: Question<'_>) -> Result<Arc<Verdict>, Refusal> {
        Ok(self.judged(question).await?.verdict)
    }

    async fn judged(&self, question: Question<'_>) -> Result<Judged, Refusal> {
        match self.cached(question) {
            Some(cached) => Ok(cached.verdict.clone().into()),
            None => self.judge(question).await,
        }
    }

    /// The cached verdict, if it still holds. Memory only: no await, no SQL.
    pub(super) fn cached(&self, question: Question<'_>) -> Option<Arc<CachedVerdict>> {
        if self.ledger.is_silent(question.now) {
            return None;
        }
        let index = self.ledger.index();
        let cached = index
            .cached_verdict(question.subject, question.bare_exposure(), question.now)
            .or_else(|| self.unrecorded.get(question, self.known_up_to()?))?;
        let revision = question.rulebook.revision();
        cached.is_current(revision, question.now).then_some(cached)
    }

    /// Memory only: whether something is sure to be denied before anything of it is read,
    /// since the environment demands a promotion and nothing is known of its digest. What
    /// refers to an image is served with it and needs none of its own.
    pub(super) fn lacks_promotion(&self, question: Question<'_>) -> bool {
        let (subject, rulebook) = (question.subject, question.rulebook);
        let (repository, digest) = (&subject.repository, &subject.digest);
        let Some(environment) = rulebook.environment(&subject.environment) else {
            return true;
        };
        let settings = environment.settings(repository);
        let vouching = rulebook.vouching(repository.host(), &subject.environment, question.now);
        let index = self.ledger.index();
        settings.mode == Mode::Enforce
            && settings.requires(Requirement::Promotion)
            && settings.referrer_types.is_empty()
            && vouching.is_none()
            && environment.platform_image(digest).is_none()
            && index.is_complete()
            && !index.has_evidence(digest)
            && index.overrides(subject, &[]).1.is_none()
            && self
                .closures
                .unrecorded_parent(repository, digest)
                .is_none()
    }

    async fn judge(&self, question: Question<'_>) -> Result<Judged, Refusal> {
        let known_before = self.known_up_to();
        let subject = question.subject;
        let closures = &self.closures;
        let found = closures.find(&subject.repository, &subject.digest, question.now);
        match found.instrument(trace_span!("closures")).await? {
            KnownClosure::Recorded(closure) => self.judge_known(question, closure).await,
            KnownClosure::Unrecorded(read) => self.judge_unrecorded(question, read).await,
            KnownClosure::Unfit(UnfitImage { why, may_mend }) => {
                let verdict = Arc::new(unfit(question, &why));
                if !may_mend {
                    self.unrecorded.note(question, &verdict, known_before);
                }
                Ok(verdict.into())
            }
        }
    }

    /// By the recorded closure; where that denies and children lacked in it, by what the
    /// upstream has now.
    async fn judge_known(
        &self,
        question: Question<'_>,
        closure: Arc<Closure>,
    ) -> Result<Judged, Refusal> {
        let judged = self.judge_recorded(question, closure.clone(), &[]).await?;
        if judged.verdict.is_allowed() {
            return Ok(judged);
        }
        let repository = &question.subject.repository;
        let completed = self.closures.completed(repository, &closure, question.now);
        match completed.await {
            Some(read) => self.judge_unrecorded(question, read).await,
            None => Ok(judged),
        }
    }

    async fn judge_recorded(
        &self,
        question: Question<'_>,
        closure: Arc<Closure>,
        aliases: &[Alias],
    ) -> Result<Judged, Refusal> {
        let lacking = lacks_children(&closure);
        let gathered = self.gathered(question, (closure, aliases)).await;
        let Gathered { evidence, seq, .. } = &gathered;
        let verdict = Arc::new(question.verdict(evidence));
        let is_final = is_final(question, &gathered);
        let cached = Arc::new(CachedVerdict {
            verdict: verdict.clone(),
            seq: *seq,
            judged_at: question.now,
        });
        let may_mend = lacking && !verdict.is_allowed();
        if is_final && !may_mend && !self.has_unrecorded_parent(question.subject) {
            let index = self.ledger.index();
            index.remember(question.subject, verdict.exposure(), cached);
        }
        decided(verdict, gathered.doubts)
    }

    /// What is said of such an index would not reach a cached verdict.
    fn has_unrecorded_parent(&self, subject: &Subject) -> bool {
        let (repository, digest) = (&subject.repository, &subject.digest);
        let parent = self.closures.unrecorded_parent(repository, digest);
        let index = self.ledger.index();
        parent.is_some_and(|it| index.closure(repository, it.root()).is_none())
    }

    /// An unrecorded closure is judged anew once anything has changed: the index could not
    /// invalidate a denial of it.
    async fn judge_unrecorded(
        &self,
        question: Question<'_>,
        read: FetchedClosure,
    ) -> Result<Judged, Refusal> {
        let known_before = self.known_up_to();
        let known = (read.closure.clone(), &*read.aliases);
        let gathered = self.gathered(question, known).await;
        let verdict = question.verdict(&gathered.evidence);
        let repository = &question.subject.repository;
        if !self.is_worth_a_record(&verdict, &read.closure) {
            let verdict = Arc::new(verdict);
            if is_index(&read.closure) {
                self.closures.note_members(repository, &read.closure);
            } else if is_final(question, &gathered) {
                self.unrecorded.note(question, &verdict, known_before);
            }
            return decided(verdict, gathered.doubts);
        }
        let recorded = self
            .ledger
            .record_read(repository, &read.closure, &read.aliases);
        match recorded.await {
            Ok(())
                if self
                    .ledger
                    .index()
                    .closure(repository, read.closure.root())
                    .is_some() =>
            {
                if verdict.is_allowed() {
                    self.keep_manifests(&read, &verdict, question.now).await;
                }
                self.closures.forget(repository, read.closure.root());
                self.judge_recorded(question, read.closure, &read.aliases)
                    .await
            }
            recorded => {
                // The closure is known all the same; only its record is missing, or
                // cannot be read back.
                self.closures.note_members(repository, &read.closure);
                if let Err(error) = recorded {
                    tracing::error!(%error, image.repository = %repository, "closure not recorded");
                }
                decided(Arc::new(verdict), gathered.doubts)
            }
        }
    }

    /// What passes is recorded, with its manifests kept. What is denied is, too,
    /// where something was said against it or may be said later: that holds for all
    /// below an index, also for a child that is asked for by itself.
    fn is_worth_a_record(&self, verdict: &Verdict, closure: &Closure) -> bool {
        if verdict.is_allowed() {
            return true;
        }
        if is_spoken_against(verdict) {
            return self.denied_records.take_spoken_against(closure);
        }
        is_index(closure) && self.denied_records.take_denied(closure)
    }

    /// `None` while the index is loaded: not every change shows in its number then.
    fn known_up_to(&self) -> Option<KnownUpTo> {
        let index = self.ledger.index();
        index.is_complete().then(|| KnownUpTo {
            seq: index.seq(),
            seen: self.closures.seen(),
        })
    }

    async fn keep_manifests(&self, read: &FetchedClosure, verdict: &Verdict, now: Timestamp) {
        let environment = verdict.subject().environment.clone();
        let used = ContentUse::of(environment, verdict.is_by_mode(), now);
        for (digest, media_type, bytes) in read.bodies.iter() {
            let kept =
                self.cache
                    .store_manifest(digest, media_type.clone(), bytes.clone(), used.clone());
            if let Err(error) = kept.await {
                tracing::warn!(%error, image.digest = %digest, "manifest not cached");
            }
        }
    }

    /// All that is known of a subject, and the change that it rests on.
    pub(super) async fn evidence(
        &self,
        question: Question<'_>,
        known: (Arc<Closure>, &[Alias]),
    ) -> (Evidence, u64) {
        let gathered = self.gathered(question, known).await;
        (gathered.evidence, gathered.seq)
    }

    /// The same, with what keeps a verdict on it from being final.
    pub(super) async fn gathered(
        &self,
        question: Question<'_>,
        known: (Arc<Closure>, &[Alias]),
    ) -> Gathered {
        let gathered = self.sources.gather(question, known, self);
        gathered.instrument(trace_span!("evidence")).await
    }
}

impl OtherVerdicts for Judge {
    fn judged<'a>(
        &'a self,
        question: Question<'a>,
    ) -> BoxedFuture<'a, Result<OtherVerdict, Refusal>> {
        Box::pin(async move {
            let Judged { verdict, cut_off } = self.judged(question).await?;
            Ok(OtherVerdict {
                permitted: verdict.permit(question.now).is_some(),
                until: ends(&verdict, question.now),
                cut_off,
            })
        })
    }

    fn at_hand(&self, question: Question<'_>) -> Option<bool> {
        let cached = self.cached(question)?;
        Some(cached.permit(question.now).is_some())
    }
}

/// From when on a verdict may be another by itself. One that says that nothing can be
/// decided holds for nobody.
fn ends(verdict: &Verdict, now: Timestamp) -> Option<Timestamp> {
    let denial = verdict.denial();
    match denial.is_some_and(|it| it.reason == DenialReason::Undecidable) {
        true => Some(now),
        false => verdict.valid_until(),
    }
}

/// Whether a verdict may be remembered. One that was cut off by its depth answers only the
/// question above it: asked by itself, the subject may be judged otherwise.
fn is_final(question: Question<'_>, gathered: &Gathered) -> bool {
    let doubts = &gathered.doubts;
    let whole = question.depth == 0 || !doubts.cut_off;
    gathered.evidence.confirmed && whole && doubts.failed.is_none()
}

/// Whether nothing speaks against a denied subject but what others were judged to be.
pub(super) fn rests_on_others(verdict: &Verdict) -> bool {
    let of_others = |denial: &Denial| {
        matches!(
            denial.reason,
            DenialReason::NotInAdmittedImage | DenialReason::UntrustedBase
        )
    };
    !verdict.is_allowed() && verdict.denials().iter().all(of_others)
}

/// The verdict; none where it would only say that others could not be judged.
fn decided(verdict: Arc<Verdict>, doubts: Doubts) -> Result<Judged, Refusal> {
    match doubts.failed {
        Some(refusal) if rests_on_others(&verdict) => Err(refusal),
        _ => Ok(Judged {
            verdict,
            cut_off: doubts.cut_off,
        }),
    }
}

fn is_index(closure: &Closure) -> bool {
    matches!(closure.shape(), Shape::Index(_))
}

/// By a revocation, or by an advisory.
fn is_spoken_against(verdict: &Verdict) -> bool {
    let mut denials = verdict.denials().iter();
    denials.any(|denial| {
        matches!(
            denial.reason,
            DenialReason::Revoked | DenialReason::BlockedByAdvisory
        )
    })
}

fn unfit(question: Question<'_>, why: &str) -> Verdict {
    let denial = Denial::new(
        DenialReason::ManifestRefused,
        why,
        "rebuild the image as plain OCI",
    );
    question.refused(denial)
}
