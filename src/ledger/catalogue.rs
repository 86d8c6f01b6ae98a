//! All images that are known, with where they are and how far scans cover them; remembered
//! for a while where there are many.

use std::collections::HashMap;
use std::sync::Arc;

use ahash::RandomState;
use arc_swap::ArcSwapOption;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;

use super::known_image::{KnownImage, ScanCoverage};
use super::manifest_set::ManifestSet;
use crate::oci::Digest;
use crate::trust::EnvironmentName;

/// With fewer images it is read for each question: a few milliseconds.
pub(super) const MANY_IMAGES: usize = 2000;
/// How long it is remembered; the background reads it anew in less.
const REMEMBERED_FOR: SignedDuration = SignedDuration::from_mins(3);
const REFRESHED_AFTER: SignedDuration = SignedDuration::from_mins(1);
/// How long after somebody looked it is kept at hand: reading a million images takes half a
/// minute of a processor, which pulls should have where nobody looks.
const WANTED_FOR: SignedDuration = SignedDuration::from_mins(10);

/// All images that are known.
#[derive(Debug)]
pub struct Catalogue {
    /// By repository and digest.
    pub images: Vec<CataloguedImage>,
    pub read_at: Timestamp,
    /// Every change of the ledger up to this one is in it.
    pub(super) seq: u64,
    /// For each of `images`, the number of its manifest.
    manifest_of: Vec<usize>,
    /// Every manifest of an image or a scan; its place is its number.
    manifests: Vec<ListedManifest>,
    numbers: HashMap<Digest, usize, RandomState>,
    /// Scans that nobody withdrew, by id, with the number of what each is of.
    scans: Vec<(i64, usize)>,
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

#[derive(Debug)]
struct ListedManifest {
    digest: Digest,
    /// Places in `images`: none where it was scanned and lies nowhere that is known.
    images: Vec<usize>,
}

impl Catalogue {
    /// `images` by repository and digest; `scans` by id.
    pub(super) fn new(
        images: Vec<CataloguedImage>,
        scans: Vec<(i64, Digest)>,
        (read_at, seq): (Timestamp, u64),
    ) -> Self {
        let mut catalogue = Self {
            read_at,
            seq,
            manifest_of: Vec::with_capacity(images.len()),
            manifests: Vec::with_capacity(images.len()),
            numbers: HashMap::with_capacity_and_hasher(images.len(), RandomState::new()),
            scans: Vec::with_capacity(scans.len()),
            images,
        };
        for place in 0..catalogue.images.len() {
            let digest = catalogue.images[place].image.manifest.clone();
            let number = catalogue.enter(digest);
            catalogue.manifests[number].images.push(place);
            catalogue.manifest_of.push(number);
        }
        for (scan, manifest) in scans {
            let number = catalogue.enter(manifest);
            catalogue.scans.push((scan, number));
        }
        catalogue
    }

    fn enter(&mut self, digest: Digest) -> usize {
        if let Some(number) = self.numbers.get(&digest) {
            return *number;
        }
        let number = self.manifests.len();
        self.numbers.insert(digest.clone(), number);
        let images = Vec::new();
        self.manifests.push(ListedManifest { digest, images });
        number
    }

    /// Whether an image with this manifest is listed.
    pub fn has(&self, manifest: &Digest) -> bool {
        self.of(manifest).next().is_some()
    }

    /// The images with this manifest, one for each repository.
    pub fn of<'a>(&'a self, manifest: &Digest) -> impl Iterator<Item = &'a CataloguedImage> {
        let number = self.numbers.get(manifest);
        let places = number.map(|it| &self.manifests[*it].images);
        places.into_iter().flatten().map(|at| &self.images[*at])
    }

    /// These manifests as a set.
    pub fn set_of(&self, manifests: impl IntoIterator<Item = Digest>) -> ManifestSet {
        let mut set = self.nothing();
        for manifest in manifests {
            match self.numbers.get(&manifest) {
                Some(number) => set.listed[*number] = true,
                None => drop(set.others.insert(manifest)),
            }
        }
        set
    }

    /// What these scans are of, as far as they were known and not withdrawn when it was
    /// read.
    pub(super) fn scanned_by(&self, scans: &[i64]) -> ManifestSet {
        let mut set = self.nothing();
        for scan in scans {
            if let Ok(at) = self.scans.binary_search_by_key(scan, |(id, _)| *id) {
                set.listed[self.scans[at].1] = true;
            }
        }
        set
    }

    fn nothing(&self) -> ManifestSet {
        ManifestSet {
            listed: vec![false; self.manifests.len()],
            ..ManifestSet::default()
        }
    }

    /// The images of these manifests, by repository and digest.
    pub fn images_in<'a>(
        &'a self,
        set: &'a ManifestSet,
    ) -> impl Iterator<Item = &'a CataloguedImage> {
        let numbered = self.images.iter().zip(&self.manifest_of);
        numbered.filter_map(|(image, number)| set.listed[*number].then_some(image))
    }

    /// Those of these manifests that no listed image has.
    pub fn unlisted<'a>(&'a self, set: &'a ManifestSet) -> impl Iterator<Item = &'a Digest> {
        let numbered = self.manifests.iter().zip(&set.listed);
        let nowhere = numbered.filter(|(manifest, is_in)| **is_in && manifest.images.is_empty());
        nowhere
            .map(|(manifest, _)| &manifest.digest)
            .chain(&set.others)
    }
}

/// The last one that was read.
#[derive(Default)]
pub(super) struct RememberedCatalogue {
    pub last: ArcSwapOption<Catalogue>,
    /// One reads, the others wait for it.
    pub turn: Mutex<()>,
    /// When somebody last looked at images, or might be about to.
    wanted: ArcSwapOption<Timestamp>,
}

impl RememberedCatalogue {
    pub fn want(&self, now: Timestamp) {
        self.wanted.store(Some(Arc::new(now)));
    }

    fn is_wanted(&self, now: Timestamp) -> bool {
        let wanted = self.wanted.load_full();
        wanted.is_some_and(|it| now.duration_since(*it) < WANTED_FOR)
    }

    /// Gives its memory back once nobody looks any more: half a kilobyte an image.
    pub fn forget_unwanted(&self, now: Timestamp) {
        if !self.is_wanted(now) {
            self.last.store(None);
        }
    }

    /// Whether to read it now, so that nobody will wait for it.
    pub fn is_due(&self, now: Timestamp) -> bool {
        if !self.is_wanted(now) {
            return false;
        }
        self.last.load_full().is_none_or(|it| {
            it.images.len() >= MANY_IMAGES && now.duration_since(it.read_at) >= REFRESHED_AFTER
        })
    }

    pub fn current(&self, now: Timestamp) -> Option<Arc<Catalogue>> {
        let is_current = |it: &Arc<Catalogue>| {
            it.images.len() >= MANY_IMAGES && now.duration_since(it.read_at) < REMEMBERED_FOR
        };
        self.last.load_full().filter(is_current)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minute)
    }

    fn read(remembered: &RememberedCatalogue, images: usize, minute: i64) {
        let image = CataloguedImage {
            image: KnownImage::unread(
                "registry.example/app".parse().unwrap(),
                Digest::sha256(b"app"),
            ),
            environments: Vec::new(),
            scan: None,
        };
        let catalogue = Catalogue::new(vec![image; images], Vec::new(), (at(minute), 0));
        remembered.last.store(Some(Arc::new(catalogue)));
    }

    #[test]
    fn the_list_of_many_images_is_kept_at_hand_only_while_somebody_looks() {
        let remembered = RememberedCatalogue::default();
        assert!(!remembered.is_due(at(0)), "nobody looked");
        remembered.want(at(0));
        assert!(remembered.is_due(at(0)));
        read(&remembered, MANY_IMAGES, 0);
        assert!(!remembered.is_due(at(0)), "it was just read");
        assert!(remembered.is_due(at(1)));
        read(&remembered, MANY_IMAGES, 9);
        assert!(!remembered.is_due(at(20)), "nobody looks any more");
        remembered.forget_unwanted(at(9));
        assert!(remembered.last.load_full().is_some());
        remembered.forget_unwanted(at(20));
        assert!(remembered.last.load_full().is_none());
        remembered.want(at(20));
        assert!(remembered.is_due(at(20)));
    }

    #[test]
    fn the_list_of_few_images_is_read_for_each_question() {
        let remembered = RememberedCatalogue::default();
        read(&remembered, MANY_IMAGES - 1, 0);
        remembered.want(at(5));
        assert!(!remembered.is_due(at(5)));
        assert!(remembered.current(at(0)).is_none());
    }
}
