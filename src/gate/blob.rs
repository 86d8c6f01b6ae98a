//! Blobs: permitted through a permitted image that holds them, and no other way.

use std::sync::Arc;

use tracing::Instrument;

use super::blob_walks::{BlobWalk, BlobWalks};
use super::closures::Closures;
use super::judge::Judge;
use super::parts::Shared;
use super::pull::{Lane, Pull};
use super::record::Records;
use super::refusal::Refusal;
use super::serve::{BlobPart, PermittedBlob, ServedBlob, Server};
use super::serve_blob::NotSent;
use crate::ledger::Ledger;
use crate::oci::{Closure, Digest, Image, Reference, Repository};
use crate::spans::trace_span;
use crate::trust::{Denial, DenialReason, ImageMember, Rulebook, Verdict};

/// A base layer may lie in thousands of images: no request judges more than
/// these anew. The next request comes further.
const MAX_IMAGES_JUDGED: usize = 16;
/// Images looked at for one blob, cached verdicts included.
const MAX_IMAGES_CONSIDERED: usize = 4096;
/// Sizes that images may say of one blob before it is given up, the right one among them.
const MAX_SIZES_TRIED: usize = 4;

/// Why no image permits a blob.
enum Unpermitted {
    /// As the first that was asked says.
    Denied(Arc<Verdict>),
    /// No image holds it.
    ByNone,
    /// Not all were judged.
    ByTooMany,
}

/// Finds the images that hold a blob, and one that permits it.
pub(super) struct Blobs {
    ledger: Arc<Ledger>,
    closures: Arc<Closures>,
    judge: Arc<Judge>,
    records: Arc<Records>,
    walks: BlobWalks,
}

impl Blobs {
    pub(super) fn new(shared: &Shared) -> Self {
        Self {
            ledger: shared.ledger.clone(),
            closures: shared.closures.clone(),
            judge: shared.judge.clone(),
            records: shared.records.clone(),
            walks: BlobWalks::new(),
        }
    }

    /// Notes that an image is served, whose blobs are asked for next: it is asked first for
    /// those.
    pub(super) fn expect(&self, pull: Pull<'_>, verdict: &Verdict, lane: Lane) {
        let (repository, digest) = (pull.repository(), &verdict.subject().digest);
        if lane == Lane::Memory {
            return;
        }
        let closure = self.closures.known(repository, digest);
        let image = closure.as_deref().and_then(|it| it.image(digest));
        let index = self.ledger.index();
        for blob in image.into_iter().flat_map(Image::blobs) {
            index.set_hint(repository, &blob.digest, digest);
        }
    }

    /// Sends a blob through an image that permits it. Where that image says another size than
    /// the blob has, through one that says another: no image can cut what others hold.
    pub(super) async fn send(
        &self,
        server: &Server,
        pull: Pull<'_>,
        (rulebook, blob): (&Rulebook, &Digest),
        wanted: BlobPart,
    ) -> Result<ServedBlob, Refusal> {
        let lacks_other = server.lacks_other(blob);
        let permitting = self.permit(pull, rulebook, blob);
        let mut permitted = permitting.instrument(trace_span!("permit")).await?;
        let mut sizes = Vec::new();
        loop {
            sizes.push(permitted.member.size());
            let sending = server.blob(pull, permitted, wanted);
            let refusal = match sending.instrument(trace_span!("serve")).await {
                Ok(sent) if !lacks_other => return Ok(sent),
                Ok(sent) => {
                    // Its other digest became known after it was permitted, and something may be
                    // said of that.
                    self.permit(pull, rulebook, blob).await?;
                    return Ok(sent);
                }
                Err(NotSent::Refused(refusal)) => return Err(refusal),
                Err(NotSent::OfOtherSize(refusal)) => refusal,
            };
            if sizes.len() == MAX_SIZES_TRIED {
                return Err(refusal);
            }
            permitted = match self.first_permit(pull, rulebook, blob, &sizes).await? {
                Ok(permitted) => permitted,
                Err(_) => return Err(refusal),
            };
        }
    }

    /// Finds an image that permits the blob. While the ledger loads, those that are known
    /// already are asked first, and all of them once it is loaded.
    async fn permit(
        &self,
        pull: Pull<'_>,
        rulebook: &Rulebook,
        blob: &Digest,
    ) -> Result<PermittedBlob, Refusal> {
        if !self.ledger.index().is_complete() {
            if let Ok(permitted) = self.first_permit(pull, rulebook, blob, &[]).await? {
                return Ok(permitted);
            }
            if !self.ledger.is_loaded_soon().await {
                return Err(Refusal::later("the ledger is not loaded yet"));
            }
        }
        match self.first_permit(pull, rulebook, blob, &[]).await? {
            Ok(permitted) => Ok(permitted),
            Err(unpermitted) => Err(self.refusal(pull, rulebook, blob, unpermitted).await),
        }
    }

    async fn refusal(
        &self,
        pull: Pull<'_>,
        rulebook: &Rulebook,
        blob: &Digest,
        unpermitted: Unpermitted,
    ) -> Refusal {
        match unpermitted {
            Unpermitted::Denied(verdict) => self.records.deny_blob(pull, blob, &verdict).await,
            Unpermitted::ByNone => {
                let denial = no_image_holds_it();
                self.refuse(pull, rulebook, blob, denial).await
            }
            Unpermitted::ByTooMany => {
                let denial = too_many_images();
                self.refuse(pull, rulebook, blob, denial).await
            }
        }
    }

    /// The first image that permits the blob, and says none of `sizes` of it. The one that did
    /// so last is asked first. Where they were too many before, the walk over them goes on; one
    /// that cannot be judged now hides no other.
    async fn first_permit(
        &self,
        pull: Pull<'_>,
        rulebook: &Rulebook,
        blob: &Digest,
        sizes: &[u64],
    ) -> Result<Result<PermittedBlob, Unpermitted>, Refusal> {
        let mut walk = self.walk(pull, rulebook, blob, sizes.is_empty());
        let (mut denied, mut failed) = (None, None);
        let mut judged = 0;
        for (place, manifest) in self.holders(pull.repository(), blob).enumerate() {
            let subject = pull.subject(manifest);
            let question = pull.question(rulebook, &subject);
            let was_asked = walk.passes_by(&subject.digest) && place > 0;
            match self.judge.cached(question) {
                None if was_asked => continue,
                None => judged += 1,
                Some(_) => {}
            }
            if judged > MAX_IMAGES_JUDGED {
                self.walks.break_off(walk, subject.digest);
                return Ok(Err(Unpermitted::ByTooMany));
            }
            let verdict = match self.judge.verdict(question).await {
                Ok(verdict) => verdict,
                Err(refusal) => {
                    walk.fail();
                    failed = failed.or(Some(refusal));
                    continue;
                }
            };
            match self.member(pull, &verdict, blob) {
                Some(permitted) if sizes.contains(&permitted.member.size()) => {}
                Some(permitted) => {
                    let index = self.ledger.index();
                    index.set_hint(pull.repository(), blob, &subject.digest);
                    return Ok(Ok(permitted));
                }
                None => denied = denied.or(Some(verdict)),
            }
        }
        let is_whole = self.walks.end(&walk);
        match (failed, denied) {
            (Some(refusal), _) => Err(refusal),
            (None, _) if !is_whole => Ok(Err(Unpermitted::ByTooMany)),
            (None, Some(verdict)) => Ok(Err(Unpermitted::Denied(verdict))),
            (None, None) => Ok(Err(Unpermitted::ByNone)),
        }
    }

    /// A walk over the images that hold a blob; `resumed`, where an earlier request came to.
    fn walk(&self, pull: Pull<'_>, rulebook: &Rulebook, blob: &Digest, resumed: bool) -> BlobWalk {
        let subject = pull.subject(blob.clone());
        let exposure = pull.question(rulebook, &subject).bare_exposure();
        let basis = (self.ledger.index().seq(), rulebook.revision());
        match resumed {
            true => self.walks.resume((subject, exposure), basis, pull.now),
            false => BlobWalks::begin((subject, exposure), basis, pull.now),
        }
    }

    fn member(&self, pull: Pull<'_>, verdict: &Verdict, blob: &Digest) -> Option<PermittedBlob> {
        let permit = verdict.permit(pull.now)?;
        let closure = self.closures.known(pull.repository(), permit.digest())?;
        let member = ImageMember::of(&closure, blob)?;
        let permit = permit.proven_member(&member)?;
        Some(PermittedBlob { permit, member })
    }

    /// The permit of a blob through the image that permitted it before, if the cached
    /// verdict on that image still does. Memory only: no await, no SQL.
    pub(super) fn permit_again(
        &self,
        pull: Pull<'_>,
        rulebook: &Rulebook,
        member: &ImageMember,
    ) -> Option<PermittedBlob> {
        let subject = pull.subject(member.image().clone());
        let cached = self.judge.cached(pull.question(rulebook, &subject))?;
        let permit = cached.permit(pull.now)?.proven_member(member)?;
        let member = member.clone();
        Some(PermittedBlob { permit, member })
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
