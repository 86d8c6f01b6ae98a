//! What an image stands on, and what stands on it, as far as layers tell.

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
    /// Of an image, among those that the reader may see. Memory only.
    pub fn of(search: &ImageSearch<'_>, image: &KnownImage) -> Self {
        let own = layers(search, &image.repository, &image.manifest);
        let Some(lowest) = own.first() else {
            return Self::default();
        };
        let index = search.admin.ledger.index();
        let covered = |it: &Repository| search.scope.covers_repository(it);
        let mut lineage = Self::default();
        for (repository, manifest) in index.holders_in(lowest, covered, MAX_COMPARED) {
            if manifest == image.manifest {
                continue;
            }
            let other = layers(search, &repository, &manifest);
            let side = match (own.starts_with(&other), other.starts_with(&own)) {
                (true, false) if !other.is_empty() => &mut lineage.stands_on,
                (false, true) => &mut lineage.carries,
                _ => continue,
            };
            side.push(LineageView {
                image: format!("{repository}@{manifest}"),
                platform: platform(search, &repository, &manifest),
                digest: manifest,
                layers: own.len().min(other.len()),
            });
        }
        let nearest = |it: &LineageView| (std::cmp::Reverse(it.layers), it.image.clone());
        lineage.stands_on.sort_by_cached_key(nearest);
        lineage
            .carries
            .sort_by(|one, other| one.image.cmp(&other.image));
        lineage.stands_on.truncate(MAX_LISTED);
        lineage.carries.truncate(MAX_LISTED);
        lineage
    }
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
