//! What an image was built on (rule 11): an admitted image of a trusted repository
//! whose layers it begins with.
//!
//! Layers are compared as manifests name them. What a config says of unpacked
//! layers is not used: some runtimes never hold layers against it.

use std::sync::Arc;

use super::others::{Doubts, OTHER_VERDICT_TTL};
use crate::gate::closures::Closures;
use crate::gate::pull::{OtherVerdicts, Question};
use crate::ledger::Ledger;
use crate::oci::{Digest, Image, ImageContent, Repository, RepositoryGlobs};
use crate::trust::{Evidence, Subject, TimedEvidence, TrustedBase};

/// Images of trusted repositories that are looked at for one image.
const MAX_BASES_CONSIDERED: usize = 1024;
/// Bases that are judged for one image.
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
            let bases = self.bases_of(image, globs).into_iter();
            let bases = bases.map(|(repository, digest)| Subject {
                environment: question.subject.environment.clone(),
                repository,
                digest,
            });
            let permitted = doubts.first_permitted(question, others, bases.collect());
            found.extend(permitted.await.map(|base| TrustedBase {
                image: image.manifest.clone(),
                base: format!("{}@{}", base.repository, base.digest),
            }));
        }
        TimedEvidence::lasting(found, question.now, OTHER_VERDICT_TTL)
    }

    /// Images of trusted repositories whose layers `image` begins with.
    fn bases_of(&self, image: &Image, globs: &RepositoryGlobs) -> Vec<(Repository, Digest)> {
        let Some(first) = image.layers.first() else {
            return Vec::new();
        };
        let index = self.ledger.index();
        let holders = index.holders_in(&first.digest, |it| globs.matches(it), MAX_BASES_CONSIDERED);
        let built_on = |(repository, digest): &(Repository, Digest)| {
            let closure = self.closures.known(repository, digest);
            let base = closure.as_deref().and_then(|closure| closure.image(digest));
            base.is_some_and(|base| begins_with(image, base))
        };
        holders
            .into_iter()
            .filter(built_on)
            .take(MAX_BASES_JUDGED)
            .collect()
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
