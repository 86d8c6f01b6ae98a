//! Where images are known to be: promoted to, asked for, and pulled, with who pulled last.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use jiff::Timestamp;

use super::error::AdminError;
use super::image_search::ImageSearch;
use crate::api::LastPullView;
use crate::ledger::{KnownImage, KnownPlace};
use crate::oci::{Digest, Repository};
use crate::trust::{Decision, EnvironmentName, Rulebook, Subject};

/// The places of some images, in environments that the reader sees.
pub(super) struct ImagePlaces(HashMap<(Repository, Digest), Vec<KnownPlace>>);

impl ImagePlaces {
    /// # Errors
    /// The records cannot be read.
    pub async fn read(search: &ImageSearch<'_>, images: &[KnownImage]) -> Result<Self, AdminError> {
        let digests: HashSet<&Digest> = images.iter().flat_map(KnownImage::digests).collect();
        let mut places: HashMap<_, Vec<KnownPlace>> = HashMap::new();
        for place in search.admin.ledger.places_of(digests).await? {
            if search.covers(&place.subject.environment) {
                let subject = &place.subject;
                let at = (subject.repository.clone(), subject.digest.clone());
                places.entry(at).or_default().push(place);
            }
        }
        Ok(Self(places))
    }

    fn of<'a>(&'a self, image: &'a KnownImage) -> impl Iterator<Item = &'a KnownPlace> {
        let at = |digest: &Digest| (image.repository.clone(), digest.clone());
        let digests: HashSet<&Digest> = image.digests().collect();
        let found = digests
            .into_iter()
            .filter_map(move |it| self.0.get(&at(it)));
        found.flatten()
    }

    pub fn environments(&self, image: &KnownImage) -> BTreeSet<EnvironmentName> {
        let environments = self.of(image).map(|it| it.subject.environment.clone());
        environments.collect()
    }

    pub fn promoted(&self, image: &KnownImage) -> Vec<EnvironmentName> {
        let promoted = self.of(image).filter(|place| place.promoted);
        let promoted: BTreeSet<_> = promoted.map(|it| &it.subject.environment).collect();
        promoted.into_iter().cloned().collect()
    }

    /// The last pull in each environment, under any of the image's digests; the newest
    /// first. That of an index counts for the images in it that the environment serves.
    ///
    /// # Errors
    /// The records cannot be read.
    pub async fn pulled(
        &self,
        search: &ImageSearch<'_>,
        image: &KnownImage,
    ) -> Result<Vec<LastPullView>, AdminError> {
        let mut last: BTreeMap<&EnvironmentName, (Timestamp, &Digest)> = BTreeMap::new();
        let rulebook = search.admin.gate.rulebook();
        for place in self.of(image) {
            let subject = &place.subject;
            if subject.digest != image.manifest && !may_come(&rulebook, subject, image) {
                continue;
            }
            if let Some(at) = place.last_pulled {
                let pull = (at, &subject.digest);
                let newest = last.entry(&subject.environment).or_insert(pull);
                *newest = (*newest).max(pull);
            }
        }
        let mut pulled = Vec::new();
        for (environment, (at, digest)) in last {
            let of_repository =
                |pass: &Decision| search.repository_of(pass).as_ref() == Some(&image.repository);
            let ledger = &search.admin.ledger;
            let pass = ledger.last_pass(digest, environment, of_repository).await?;
            pulled.push(LastPullView {
                environment: environment.clone(),
                at: pass.as_ref().map_or(at, |pass| pass.time.max(at)),
                principal: pass.as_ref().map(|pass| pass.principal.clone()),
                client: pass.and_then(|pass| pass.client),
            });
        }
        pulled.sort_by_key(|pull| std::cmp::Reverse(pull.at));
        Ok(pulled)
    }
}

/// Whether the environment of a subject serves the platform of an image.
fn may_come(rulebook: &Rulebook, subject: &Subject, image: &KnownImage) -> bool {
    let environment = rulebook.environment(&subject.environment);
    let settings = environment.map(|it| it.settings(&image.repository));
    let platform = image.platform.as_ref();
    settings
        .zip(platform)
        .is_none_or(|(it, platform)| it.deploys(platform))
}
