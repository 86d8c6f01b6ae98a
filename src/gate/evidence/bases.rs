//! What an image was built on (rule 11): an admitted image of a trusted repository
//! whose layers it begins with.
//!
//! Layers are compared as manifests name them. What a config says of unpacked
//! layers is not used: some runtimes never hold layers against it.

use std::collections::HashSet;
use std::sync::Arc;

use super::others::{Doubts, OTHER_VERDICT_TTL};
use crate::gate::closures::Closures;
use crate::gate::pull::{OtherVerdicts, Question};
use crate::ledger::Ledger;
use crate::oci::{Digest, Image, ImageContent, Repository, RepositoryGlobs};
use crate::trust::{Evidence, Subject, TimedEvidence, TrustedBase};

/// Images of trusted repositories that are looked at for one image.
const MAX_BASES_CONSIDERED: usize = 4096;
/// Bases that are judged anew for one image. Their verdicts are remembered, so that the next
/// question comes further.
const MAX_BASES_JUDGED: usize = 16;
/// How deep a chain of bases is followed.
const MAX_BASE_DEPTH: u8 = 3;

/// Finds what images were built on.
pub(in crate::gate) struct Bases {
    pub(in crate::gate) ledger: Arc<Ledger>,
    pub(in crate::gate) closures: Arc<Closures>,
}

impl Bases {
    /// The permitted bases of the images in the closure, where a trusted base is
    /// demanded. Where one is not found that may be there, `doubts` says so.
    pub(in crate::gate) async fn trusted(
        &self,
        question: Question<'_>,
        evidence: &Evidence,
        others: &dyn OtherVerdicts,
        doubts: &mut Doubts,
    ) -> TimedEvidence<Vec<TrustedBase>> {
        let Some(settings) = question.settings() else {
            return TimedEvidence::default();
        };
        let globs = &settings.trusted_bases;
        let own = globs.matches(&question.subject.repository);
        if globs.is_empty() || own {
            return TimedEvidence::default();
        }
        if question.depth >= MAX_BASE_DEPTH {
            doubts.merge(Doubts::of_depth(question.now));
            return TimedEvidence::lasting(Vec::new(), question.now, OTHER_VERDICT_TTL);
        }
        // Which images there are at all, only a whole index knows.
        self.ledger.is_loaded_soon().await;
        let mut found = Vec::new();
        for image in evidence.closure.images() {
            let base = self.base_of(question, (image, globs), others, doubts);
            found.extend(base.await.map(|base| TrustedBase {
                image: image.manifest.clone(),
                base: format!("{}@{}", base.repository, base.digest),
            }));
        }
        TimedEvidence::lasting(found, question.now, OTHER_VERDICT_TTL)
    }

    /// A permitted image of a trusted repository whose layers `image` begins with. One that is
    /// known to be permitted is asked first; where there are many others, those that somebody
    /// promoted or pulled are asked before the rebuilds that nobody did.
    async fn base_of(
        &self,
        question: Question<'_>,
        (image, globs): (&Image, &RepositoryGlobs),
        others: &dyn OtherVerdicts,
        doubts: &mut Doubts,
    ) -> Option<Subject> {
        let at_hand = |it: &Subject| others.at_hand(question.of_another(it));
        let mut holders = self.holders(question, image, globs);
        let is_cut = holders.len() > MAX_BASES_CONSIDERED;
        holders.truncate(MAX_BASES_CONSIDERED);
        let (mut passing, mut rest): (Vec<_>, Vec<_>) = holders
            .into_iter()
            .partition(|it| at_hand(it) == Some(true));
        passing.retain(|it| self.is_base(image, it));
        let permitted = doubts.first_permitted(question, others, passing);
        if let Some(base) = permitted.await {
            return Some(base);
        }
        rest.retain(|it| self.is_base(image, it));
        let anew = rest.iter().filter(|it| at_hand(it).is_none()).count();
        if anew > MAX_BASES_JUDGED {
            self.put_known_first(&mut rest).await;
        }
        let limit = MAX_BASES_JUDGED;
        let permitted = doubts.first_permitted_within(limit, question, others, rest);
        let permitted = permitted.await;
        if is_cut && permitted.is_none() {
            doubts.merge(Doubts::of_too_many(question.now));
        }
        permitted
    }

    /// Images of trusted repositories that hold the first layer of `image`, one more than are
    /// considered where there are so many.
    fn holders(
        &self,
        question: Question<'_>,
        image: &Image,
        globs: &RepositoryGlobs,
    ) -> Vec<Subject> {
        let Some(first) = image.layers.first() else {
            return Vec::new();
        };
        let index = self.ledger.index();
        let wanted = |it: &Repository| globs.matches(it);
        let holders = index.holders_in(&first.digest, wanted, MAX_BASES_CONSIDERED + 1);
        let subject = |(repository, digest)| Subject {
            environment: question.subject.environment.clone(),
            repository,
            digest,
        };
        holders.into_iter().map(subject).collect()
    }

    fn is_base(&self, image: &Image, subject: &Subject) -> bool {
        let closure = self.closures.known(&subject.repository, &subject.digest);
        let base = closure.as_deref().and_then(|it| it.image(&subject.digest));
        base.is_some_and(|base| begins_with(image, base))
    }

    /// What was promoted to its environment or pulled there, alone or by an index above it, comes
    /// first; else the order stays.
    async fn put_known_first(&self, subjects: &mut [Subject]) {
        let index = self.ledger.index();
        let names = |it: &Subject| {
            let mut names = index.indexes_holding(&it.repository, &it.digest);
            names.push(it.digest.clone());
            names
        };
        let asked: HashSet<Digest> = subjects.iter().flat_map(names).collect();
        let places = match self.ledger.places_of(&asked).await {
            Ok(places) => places,
            Err(error) => return tracing::error!(%error, "what was promoted is not known"),
        };
        let used = places.into_iter();
        let used = used.filter(|it| it.promoted || it.last_pulled.is_some());
        let used: HashSet<Subject> = used.map(|it| it.subject).collect();
        subjects.sort_by_cached_key(|it| {
            let mut names = names(it).into_iter();
            let is_used = names.any(|digest| {
                used.contains(&Subject {
                    digest,
                    ..it.clone()
                })
            });
            !is_used
        });
    }
}

/// Only what runs is a base: the layers of an artifact are no file system that anybody
/// looked at, whatever they are called.
fn begins_with(image: &Image, base: &Image) -> bool {
    if !matches!(base.content, ImageContent::Runnable { .. }) {
        return false;
    }
    let (layers, below) = (&image.layers, &base.layers);
    let same = layers.iter().zip(below).all(|(a, b)| a.digest == b.digest);
    !below.is_empty() && below.len() <= layers.len() && same
}
