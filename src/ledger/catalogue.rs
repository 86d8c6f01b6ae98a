//! All images that are known, with where they are and how far scans cover them; remembered
//! for a while where there are many.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;

use super::known_image::{KnownImage, ScanCoverage};
use crate::oci::Digest;
use crate::trust::EnvironmentName;

/// With fewer images it is read for each question: a few milliseconds.
pub(super) const MANY_IMAGES: usize = 2000;
/// How long it is remembered; the background reads it anew in less.
const REMEMBERED_FOR: SignedDuration = SignedDuration::from_mins(3);

/// All images that are known.
#[derive(Debug)]
pub struct Catalogue {
    /// By repository and digest.
    pub images: Vec<CataloguedImage>,
    pub read_at: Timestamp,
    /// Places in `images`.
    by_manifest: HashMap<Digest, Vec<usize>>,
}

/// One image in a repository.
#[derive(Clone, Debug)]
pub struct CataloguedImage {
    pub image: KnownImage,
    /// Where it is promoted to, or was asked for.
    pub environments: Vec<EnvironmentName>,
    /// By scans that left nothing out; `None`: what it holds is not known.
    pub scan: Option<ScanCoverage>,
}

impl Catalogue {
    pub(super) fn new(images: Vec<CataloguedImage>, read_at: Timestamp) -> Self {
        let mut by_manifest: HashMap<Digest, Vec<usize>> = HashMap::new();
        for (at, known) in images.iter().enumerate() {
            let places = by_manifest.entry(known.image.manifest.clone()).or_default();
            places.push(at);
        }
        Self {
            images,
            read_at,
            by_manifest,
        }
    }

    /// Whether an image with this manifest is listed.
    pub fn has(&self, manifest: &Digest) -> bool {
        self.by_manifest.contains_key(manifest)
    }

    /// The images with this manifest, one for each repository.
    pub fn of<'a>(&'a self, manifest: &Digest) -> impl Iterator<Item = &'a CataloguedImage> {
        let places = self.by_manifest.get(manifest).into_iter().flatten();
        places.map(|at| &self.images[*at])
    }
}

/// The last one that was read.
#[derive(Default)]
pub(super) struct RememberedCatalogue {
    pub last: ArcSwapOption<Catalogue>,
    /// One reads, the others wait for it.
    pub turn: Mutex<()>,
}

impl RememberedCatalogue {
    pub fn current(&self, now: Timestamp) -> Option<Arc<Catalogue>> {
        let is_current = |it: &Arc<Catalogue>| {
            it.images.len() >= MANY_IMAGES && now.duration_since(it.read_at) < REMEMBERED_FOR
        };
        self.last.load_full().filter(is_current)
    }
}
