//! Blobs: served through a permitted image that holds them, and no other way.

use std::sync::Arc;

use super::judged::Judged;
use super::{Gate, Pull, Refusal, Source};
use crate::oci::{Closure, Digest, Image, Repository};
use crate::stream::{ByteRange, Chunks, Unsatisfiable};
use crate::trust::{Denial, DenialReason, Permit, Rulebook, Verdict};

/// A base layer may lie in thousands of images: no request judges more than
/// these anew. Verdicts are remembered, so the next request comes further.
const JUDGED_AT_MOST: usize = 16;
/// Images looked at for one blob, remembered verdicts included.
const LOOKED_AT: usize = 4096;

/// How much of a blob is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// HEAD.
    Nothing,
    Whole,
    Range(ByteRange),
}

/// A blob, or a range of it, that may be sent.
pub struct ServedBlob {
    pub digest: Digest,
    /// Of the whole blob, in bytes.
    pub size: u64,
    pub source: Source,
    /// `None` for HEAD.
    pub content: Option<Content>,
}

/// The bytes of a blob.
pub struct Content {
    pub chunks: Chunks,
    /// A range was asked for.
    pub is_part: bool,
}

/// A blob with the permit to serve it.
pub(super) struct PermittedBlob {
    permit: Permit,
    size: u64,
}

impl Gate {
    /// Finds an image that permits the blob. The one that did so last is asked first.
    pub(super) async fn permit_blob(
        &self,
        pull: Pull<'_>,
        rulebook: &Rulebook,
        image: &str,
        blob: &Digest,
    ) -> Result<PermittedBlob, Refusal> {
        let mut denied = None;
        let mut judged = 0;
        for manifest in self.holders(&pull.target.repository, blob) {
            let subject = pull.subject(manifest);
            let question = pull.question(rulebook, &subject);
            if self.check(question).is_none() {
                judged += 1;
            }
            if judged > JUDGED_AT_MOST {
                return Err(self.refuse(pull, rulebook, image, too_many_images()).await);
            }
            let verdict = self.verdict(question).await?;
            match self.member(pull, &verdict, blob) {
                Some(permitted) => {
                    let repository = &pull.target.repository;
                    let index = self.ledger.index();
                    index.set_hint(repository, blob, &subject.digest);
                    return Ok(permitted);
                }
                None => denied = denied.or(Some(verdict)),
            }
        }
        Err(self
            .no_image_permits(pull, rulebook, image, blob, denied)
            .await)
    }

    fn member(&self, pull: Pull<'_>, verdict: &Verdict, blob: &Digest) -> Option<PermittedBlob> {
        let permit = verdict.permit(pull.now)?;
        let closure = self.known_closure(&pull.target.repository, permit.digest())?;
        let size = size_in(&closure, blob)?;
        let permit = permit.member(&closure, blob)?;
        Some(PermittedBlob { permit, size })
    }

    /// The images of this repository that hold the blob, the likeliest first.
    fn holders(&self, repository: &Repository, blob: &Digest) -> Vec<Digest> {
        let index = self.ledger.index();
        let mut holders: Vec<Digest> = index.hint(repository, blob).into_iter().collect();
        holders.extend(index.images_holding(repository, blob, LOOKED_AT));
        if holders.is_empty() {
            holders = self.unrecorded_holders(repository, blob);
        }
        holders
    }

    /// Platform images are served although the ledger could not record them,
    /// and so is what an audit lets pass.
    fn unrecorded_holders(&self, repository: &Repository, blob: &Digest) -> Vec<Digest> {
        let closure = self.closures.above(repository, blob);
        closure.map_or_else(Vec::new, |closure| holders_in(&closure, blob))
    }

    async fn no_image_permits(
        &self,
        pull: Pull<'_>,
        rulebook: &Rulebook,
        image: &str,
        blob: &Digest,
        denied: Option<Arc<Verdict>>,
    ) -> Refusal {
        match denied {
            Some(verdict) => {
                let ask = self.ask(pull, image, Some(blob.clone()));
                self.deny(&ask, Judged::by(&verdict), pull.now).await
            }
            None => {
                let denial = Denial::new(
                    DenialReason::NotInAdmittedImage,
                    "no admitted image of this repository holds that blob",
                    "pull the image by its manifest first",
                );
                self.refuse(pull, rulebook, image, denial).await
            }
        }
    }

    /// Sends a permitted blob: from the cache, else from upstream through it.
    pub(super) async fn serve_blob(
        &self,
        pull: Pull<'_>,
        blob: PermittedBlob,
        wanted: Wanted,
    ) -> Result<ServedBlob, Refusal> {
        let PermittedBlob { permit, size } = blob;
        let digest = permit.digest().clone();
        if wanted == Wanted::Nothing {
            let source = self.blob_source(pull, &digest).await?;
            return Ok(ServedBlob {
                digest,
                size,
                source,
                content: None,
            });
        }
        let range = match wanted {
            Wanted::Range(range) => match range.within(size) {
                Ok(range) => range,
                Err(Unsatisfiable) => return Err(Refusal::RangeNotSatisfiable(size)),
            },
            Wanted::Nothing | Wanted::Whole => 0..size,
        };
        let (chunks, source) = self.open_blob(pull, permit, size, range).await?;
        Ok(ServedBlob {
            digest,
            size,
            source,
            content: Some(Content {
                is_part: matches!(wanted, Wanted::Range(_)),
                chunks,
            }),
        })
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

fn too_many_images() -> Denial {
    Denial::undecidable("many images hold that blob, and not all are judged yet")
}
