//! What an image stands on, and what stands on it, as far as layers tell.

use jiff::Timestamp;

use super::error::AdminError;
use super::image_search::ImageSearch;
use crate::api::LineageView;
use crate::ledger::KnownImage;
use crate::oci::{Digest, Repository};

/// Images that share the lowest layer and are compared, at most.
const MAX_COMPARED: usize = 5000;
/// Images on either side that are listed, at most.
const MAX_LISTED: usize = 50;

/// Both sides of it.
#[derive(Default)]
pub(super) struct ImageLineage {
    /// The nearest first.
    pub stands_on: Vec<LineageView>,
    pub carries: Vec<LineageView>,
}

impl ImageLineage {
    /// Of an image, among those that the reader may see.
    ///
    /// # Errors
    /// The records cannot be read.
    pub async fn of(
        search: &ImageSearch<'_>,
        image: &KnownImage,
        now: Timestamp,
    ) -> Result<Self, AdminError> {
        let own = layers(search, &image.repository, &image.manifest);
        let mut lineage = Self::default();
        for other in compared(search, image, &own, now).await? {
            let (repository, manifest) = (other.repository, other.manifest);
            let others = layers(search, &repository, &manifest);
            let side = match others.len() < own.len() {
                true => &mut lineage.stands_on,
                false => &mut lineage.carries,
            };
            side.push(LineageView {
                image: format!("{repository}@{manifest}"),
                platform: platform(search, &repository, &manifest),
                digest: manifest,
                layers: own.len().min(others.len()),
            });
        }
        lineage.put_in_order();
        Ok(lineage)
    }

    fn put_in_order(&mut self) {
        let lineage = self;
        let nearest = |it: &LineageView| (std::cmp::Reverse(it.layers), it.image.clone());
        lineage.stands_on.sort_by_cached_key(nearest);
        lineage
            .carries
            .sort_by(|one, other| one.image.cmp(&other.image));
        lineage.stands_on.truncate(MAX_LISTED);
        lineage.carries.truncate(MAX_LISTED);
    }
}

/// The images whose layers begin with those of the other, and are more or fewer.
async fn compared(
    search: &ImageSearch<'_>,
    image: &KnownImage,
    own: &[Digest],
    now: Timestamp,
) -> Result<Vec<KnownImage>, AdminError> {
    let Some(lowest) = own.first() else {
        return Ok(Vec::new());
    };
    let index = search.admin.ledger.index();
    let covered = |it: &Repository| search.scope.covers_repository(it);
    let holders = index.holders_in(lowest, covered, MAX_COMPARED).into_iter();
    let related = holders.filter(|(repository, manifest)| {
        let others = layers(search, repository, manifest);
        *manifest != image.manifest
            && !others.is_empty()
            && others.len() != own.len()
            && (own.starts_with(&others) || others.starts_with(own))
    });
    let known = related.map(|(repository, manifest)| KnownImage {
        indexes: index.indexes_holding(&repository, &manifest),
        ..KnownImage::unread(repository, manifest)
    });
    search.visible(known.collect(), now).await
}

fn layers(search: &ImageSearch<'_>, repository: &Repository, manifest: &Digest) -> Vec<Digest> {
    let closure = search.admin.ledger.index().closure(repository, manifest);
    let image = closure.as_ref().and_then(|it| it.image(manifest));
    let layers = image.into_iter().flat_map(|image| &image.layers);
    layers.map(|layer| layer.digest.clone()).collect()
}

fn platform(
    search: &ImageSearch<'_>,
    repository: &Repository,
    manifest: &Digest,
) -> Option<crate::oci::Platform> {
    let closure = search.admin.ledger.index().closure(repository, manifest)?;
    closure.image(manifest)?.platform().cloned()
}
