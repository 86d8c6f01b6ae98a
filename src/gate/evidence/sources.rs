//! Gathers the evidence on a subject, source by source.
//!
//! What a source says for a while only is a [`TimedEvidence`]: a verdict that rests on it ends
//! when it does. A further source (signatures, say) is one more line in
//! [`Sources::gather`] and one more field of [`Evidence`].

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::bases::Bases;
use super::facts::PullFacts;
use super::others::{Doubts, OTHER_VERDICT_TTL};
use super::vouch::Vouchers;
use crate::gate::attachments::Attachments;
use crate::gate::closures::Closures;
use crate::gate::pull::{OtherVerdicts, Question};
use crate::gate::upstreams::Upstreams;
use crate::ledger::{Alias, Ledger, LedgerError};
use crate::oci::{Closure, Digest, ImageContent, Shape};
use crate::tasks::Tasks;
use crate::trust::{BreakGlass, Evidence, FirstReported, Subject, TimedEvidence, TimedMode};

/// How deep a chain of referrers is followed: a signature of a bill of materials of an image.
/// Tags attach in circles, too, if somebody pushes them so.
const MAX_REFERRER_DEPTH: u8 = 2;

/// What is known of a subject, and how far a verdict on it is final.
pub(in crate::gate) struct Gathered {
    pub(in crate::gate) evidence: Evidence,
    /// The change that it rests on.
    pub(in crate::gate) seq: u64,
    pub(in crate::gate) doubts: Doubts,
}

/// Where evidence comes from.
pub(in crate::gate) struct Sources {
    ledger: Arc<Ledger>,
    closures: Arc<Closures>,
    attachments: Arc<Attachments>,
    facts: Arc<PullFacts>,
    vouchers: Vouchers,
    bases: Bases,
}

impl Sources {
    pub(in crate::gate) fn new(
        ledger: Arc<Ledger>,
        upstreams: Arc<Upstreams>,
        closures: Arc<Closures>,
        attachments: Arc<Attachments>,
        facts: Arc<PullFacts>,
        tasks: Tasks,
    ) -> Self {
        Self {
            vouchers: Vouchers::new(ledger.clone(), upstreams, facts.clone(), tasks),
            bases: Bases {
                ledger: ledger.clone(),
                closures: closures.clone(),
            },
            ledger,
            closures,
            attachments,
            facts,
        }
    }

    /// All that is known of a subject, and the change that it rests on. `others`
    /// answers where it rests on the verdict on something else; `aliases` are the
    /// digests of the same bytes that nobody need have recorded yet.
    pub(in crate::gate) async fn gather(
        &self,
        question: Question<'_>,
        (closure, aliases): (Arc<Closure>, &[Alias]),
        others: &dyn OtherVerdicts,
    ) -> Gathered {
        let mut doubts = Doubts::default();
        // Before the ledger is read: what is written in between is in one of them.
        let served = self.facts.served(question.subject).into_iter();
        let (mut evidence, seq) = self.recorded(question, closure, aliases).await;
        self.add_unrecorded_parent(question.subject, &mut evidence);
        evidence.first_served = served.chain(evidence.first_served).min();
        if evidence.lacks_scan_or_promotion(question.subject, question.now) {
            evidence.held_upstream = self.vouchers.held(question).await;
        }
        let permitted = self.subject_permitted(question, &evidence, others, &mut doubts);
        evidence.subject_permitted = permitted.await;
        (evidence.break_glass, evidence.timed_mode) = self.overrides(question.subject, &evidence);
        match self.first_seen(question, &evidence).await {
            Ok(first_seen) => evidence.first_seen = first_seen,
            Err(error) => unreadable(&mut evidence, &error),
        }
        match self.first_named(question, &evidence).await {
            Ok(first_named) => evidence.first_reported = first_named,
            Err(error) => unreadable(&mut evidence, &error),
        }
        let bases = &self.bases;
        let trusted = bases.trusted(question, &evidence, others, &mut doubts);
        evidence.trusted_bases = trusted.await;
        Gathered {
            evidence,
            seq,
            doubts,
        }
    }

    /// What the ledger holds. Nothing there costs no SQL.
    async fn recorded(
        &self,
        question: Question<'_>,
        closure: Arc<Closure>,
        aliases: &[Alias],
    ) -> (Evidence, u64) {
        let index = self.ledger.index();
        let seq = index.seq();
        let subject = question.subject;
        if self.ledger.is_silent(question.now) {
            return (self.unconfirmed(subject, closure, aliases), seq);
        }
        let related = index.related(&closure, aliases);
        let known = related.iter().any(|digest| index.has_evidence(digest));
        if index.is_complete() && !known {
            let nothing = Evidence {
                related,
                ..Evidence::none(closure)
            };
            return (nothing, seq);
        }
        match self
            .ledger
            .evidence(subject, closure.clone(), aliases, question.now)
            .await
        {
            Ok(found) => found,
            Err(error) => {
                tracing::error!(%error, image.digest = %subject.digest, "evidence not readable");
                (self.unconfirmed(subject, closure, aliases), seq)
            }
        }
    }

    /// Only what memory knows: revocations hold whatever the ledger does.
    fn unconfirmed(&self, subject: &Subject, closure: Arc<Closure>, aliases: &[Alias]) -> Evidence {
        let index = self.ledger.index();
        let related = index.related(&closure, aliases);
        let revocations = related.iter().flat_map(|digest| index.revoked_as(digest));
        Evidence {
            revocations: revocations.collect(),
            parents: index.indexes_lending_to(&subject.repository, &subject.digest),
            related,
            confirmed: false,
            ..Evidence::none(closure)
        }
    }

    /// An index that holds the subject, where the ledger could not record it:
    /// what an index is served for without the ledger, its children are, too.
    fn add_unrecorded_parent(&self, subject: &Subject, evidence: &mut Evidence) {
        let closures = &self.closures;
        let Some(parent) = closures.unrecorded_parent(&subject.repository, &subject.digest) else {
            return;
        };
        let root = parent.root();
        if evidence.parents.contains(root) {
            return;
        }
        let revocations = self.ledger.index().revocations(root);
        evidence.revocations.extend(revocations);
        let between = parent.nested().iter().map(|it| it.digest.clone());
        evidence.related.extend(between);
        evidence.related.insert(root.clone());
        if parent.lends_to(&subject.digest) {
            evidence.parents.push(root.clone());
        }
    }

    /// Break-glass and a mode for hours, which memory knows whole: they need no
    /// evidence on the subject.
    fn overrides(
        &self,
        subject: &Subject,
        evidence: &Evidence,
    ) -> (Vec<BreakGlass>, Option<TimedMode>) {
        self.ledger.index().overrides(subject, &evidence.parents)
    }

    /// Rule 13: whether the manifest that a referrer refers to is permitted. What tags
    /// attach it to may change unseen, so that a no holds no longer than a yes there; nor
    /// does it hold longer than the verdict that it rests on.
    async fn subject_permitted(
        &self,
        question: Question<'_>,
        evidence: &Evidence,
        others: &dyn OtherVerdicts,
        doubts: &mut Doubts,
    ) -> TimedEvidence<bool> {
        let (subject, now) = (question.subject, question.now);
        let attached = self
            .attachments
            .subjects(&subject.repository, &subject.digest);
        let is_attached = !attached.is_empty();
        let referred = referred(evidence, attached).into_iter();
        let referred: Vec<Subject> = referred
            .map(|digest| Subject {
                digest,
                ..subject.clone()
            })
            .collect();
        if question.depth >= MAX_REFERRER_DEPTH && !referred.is_empty() {
            doubts.merge(Doubts::of_depth(now));
        } else {
            let permitted = doubts.first_permitted(question, others, referred);
            if permitted.await.is_some() {
                return TimedEvidence::lasting(true, now, OTHER_VERDICT_TTL);
            }
        }
        let mut no = TimedEvidence::lasting(false, now, OTHER_VERDICT_TTL);
        if !is_attached {
            no.until = doubts
                .until()
                .map(|until| no.until.unwrap_or(until).max(until));
        }
        no
    }

    /// When it was first seen, where that matters: now, if never before. A scan that was handed
    /// in for it says that it lay upstream then, unless it was taken before the push; a denial
    /// does not, since one that names a digest may be given before anything is read.
    async fn first_seen(
        &self,
        question: Question<'_>,
        evidence: &Evidence,
    ) -> Result<Option<Timestamp>, LedgerError> {
        let min_age = question.settings().map(|settings| settings.min_age);
        if min_age.is_none_or(|age| age <= SignedDuration::ZERO) || evidence.first_seen.is_some() {
            return Ok(evidence.first_seen);
        }
        let subject = question.subject;
        let recorded = self.ledger.first_seen(subject, &evidence.parents).await?;
        let scanned = self.ledger.first_scanned(&subject.digest).await?;
        let known = scanned.into_iter().chain(recorded).min();
        Ok(Some(match known.filter(|seen| *seen <= question.now) {
            Some(seen) => seen,
            None => self.facts.seen(subject, question.now),
        }))
    }

    /// Since when findings are known, where a worse report has grace.
    async fn first_named(
        &self,
        question: Question<'_>,
        evidence: &Evidence,
    ) -> Result<Vec<FirstReported>, LedgerError> {
        let grace = question.settings().map(|settings| settings.grace_for_worse);
        if grace.is_none_or(|grace| grace <= SignedDuration::ZERO) || evidence.scans.is_empty() {
            return Ok(Vec::new());
        }
        let manifests = evidence.closure.images().map(|image| &image.manifest);
        self.ledger.first_reported(manifests).await
    }
}

/// Nothing can be decided then that needs evidence.
fn unreadable(evidence: &mut Evidence, error: &LedgerError) {
    tracing::error!(%error, image.digest = %evidence.closure.root(), "evidence not readable");
    evidence.confirmed = false;
}

/// What a referrer refers to, or is `attached` to; for BuildKit's attestations, the indexes
/// that hold them.
fn referred(evidence: &Evidence, attached: Vec<Digest>) -> Vec<Digest> {
    let Shape::Image(image) = evidence.closure.shape() else {
        return Vec::new();
    };
    let (parents, subject) = (evidence.parents.iter().cloned(), image.subject.clone());
    match image.content {
        ImageContent::Runnable { .. } => Vec::new(),
        ImageContent::Attestation => attached.into_iter().chain(parents).collect(),
        ImageContent::Artifact { .. } => attached.into_iter().chain(subject).collect(),
    }
}
