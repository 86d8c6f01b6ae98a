//! Blobs: permitted through a permitted image that holds them, and no other way.

use std::sync::Arc;

use super::closures::Closures;
use super::judge::Judge;
use super::parts::Shared;
use super::pull::Pull;
use super::record::Records;
use super::refusal::Refusal;
use super::serve::PermittedBlob;
use crate::ledger::Ledger;
use crate::oci::{Closure, Digest, Image, Reference, Repository};
use crate::trust::{Denial, DenialReason, Rulebook, Verdict};

/// A base layer may lie in thousands of images: no request judges more than
/// these anew. Verdicts are cached, so the next request comes further.
const MAX_IMAGES_JUDGED: usize = 16;
/// Images looked at for one blob, cached verdicts included.
const MAX_IMAGES_CONSIDERED: usize = 4096;

/// Finds the images that hold a blob, and one that permits it.
pub(super) struct Blobs {
    ledger: Arc<Ledger>,
    closures: Arc<Closures>,
    judge: Arc<Judge>,
    records: Arc<Records>,
}

impl Blobs {
    pub(super) fn new(shared: &Shared) -> Self {
        Self {
            ledger: shared.ledger.clone(),
            closures: shared.closures.clone(),
            judge: shared.judge.clone(),
            records: shared.records.clone(),
        }
    }

    /// Finds an image that permits the blob. The one that did so last is asked first.
    pub(super) async fn permit(
        &self,
        pull: Pull<'_>,
        rulebook: &Rulebook,
        blob: &Digest,
    ) -> Result<PermittedBlob, Refusal> {
        let mut denied = None;
        let mut judged = 0;
        for manifest in self.holders(pull.repository(), blob) {
            let subject = pull.subject(manifest);
            let question = pull.question(rulebook, &subject);
            if self.judge.cached(question).is_none() {
                judged += 1;
            }
            if judged > MAX_IMAGES_JUDGED {
                return Err(self.refuse(pull, rulebook, blob, too_many_images()).await);
            }
            let verdict = self.judge.verdict(question).await?;
            match self.member(pull, &verdict, blob) {
                Some(permitted) => {
                    let index = self.ledger.index();
                    index.set_hint(pull.repository(), blob, &subject.digest);
                    return Ok(permitted);
                }
                None => denied = denied.or(Some(verdict)),
            }
        }
        Err(match denied {
            Some(verdict) => self.records.deny_blob(pull, blob, &verdict).await,
            None => self.refuse(pull, rulebook, blob, no_image_holds_it()).await,
        })
    }

    fn member(&self, pull: Pull<'_>, verdict: &Verdict, blob: &Digest) -> Option<PermittedBlob> {
        let permit = verdict.permit(pull.now)?;
        let closure = self.closures.known(pull.repository(), permit.digest())?;
        let size = size_in(&closure, blob)?;
        let permit = permit.member(&closure, blob)?;
        Some(PermittedBlob { permit, size })
    }

    /// The images of this repository that hold the blob, the likeliest first. The
    /// others are gathered only when they are asked for.
    fn holders<'a>(
        &'a self,
        repository: &'a Repository,
        blob: &'a Digest,
    ) -> impl Iterator<Item = Digest> + Send + 'a {
        let hint = self.ledger.index().hint(repository, blob);
        let likeliest = hint.clone();
        let others = std::iter::once_with(move || self.all_holders(repository, blob));
        let others = others.flatten().filter(move |it| Some(it) != hint.as_ref());
        likeliest.into_iter().chain(others)
    }

    fn all_holders(&self, repository: &Repository, blob: &Digest) -> Vec<Digest> {
        let index = self.ledger.index();
        let recorded = index.images_holding(repository, blob, MAX_IMAGES_CONSIDERED);
        match recorded.is_empty() {
            true => self.unrecorded_holders(repository, blob),
            false => recorded,
        }
    }

    /// Platform images are served although the ledger could not record them,
    /// and so is what an audit lets pass.
    fn unrecorded_holders(&self, repository: &Repository, blob: &Digest) -> Vec<Digest> {
        let closure = self.closures.unrecorded_parent(repository, blob);
        closure.map_or_else(Vec::new, |closure| holders_in(&closure, blob))
    }

    async fn refuse(
        &self,
        pull: Pull<'_>,
        rulebook: &Rulebook,
        blob: &Digest,
        denial: Denial,
    ) -> Refusal {
        let image = pull.image(&Reference::Digest(blob.clone()));
        self.records.refuse(pull, rulebook, image, denial).await
    }
}

/// The size that the image's manifest gives the blob.
fn size_in(closure: &Closure, blob: &Digest) -> Option<u64> {
    closure
        .images()
        .flat_map(|image| image.blobs())
        .find(|descriptor| descriptor.digest == *blob)
        .map(|descriptor| descriptor.size)
}

fn holders_in(closure: &Closure, blob: &Digest) -> Vec<Digest> {
    let holds = |image: &&Image| image.blobs().any(|descriptor| descriptor.digest == *blob);
    let holders = closure.images().filter(holds);
    holders.map(|image| image.manifest.clone()).collect()
}

fn no_image_holds_it() -> Denial {
    Denial::new(
        DenialReason::NotInAdmittedImage,
        "no admitted image of this repository holds that blob",
        "pull the image by its manifest first",
    )
}

fn too_many_images() -> Denial {
    Denial::undecidable("many images hold that blob, and not all are judged yet")
}
