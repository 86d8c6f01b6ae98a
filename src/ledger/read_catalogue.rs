//! Reads the list of all images.
//!
//! A hundred thousand images take seconds to read, which nobody who searches should wait
//! for. So it is read in the background as soon as somebody opens a page, and not before:
//! a gateway that nobody looks at has its processors for pulls. What a search finds is read
//! anew for each.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use jiff::Timestamp;

use super::catalogue::{Catalogue, CataloguedImage};
use super::known_image::{KnownImage, KnownPlace};
use super::{Ledger, LedgerError};
use crate::oci::{Digest, Repository};
use crate::trust::{Decision, EnvironmentName, Subject};

impl Ledger {
    /// All images that are known; where they are many, as they were minutes ago.
    ///
    /// # Errors
    /// Where the records cannot be read.
    pub async fn catalogue(&self, now: Timestamp) -> Result<Arc<Catalogue>, LedgerError> {
        self.expect_catalogue(now);
        if let Some(current) = self.catalogue.current(now) {
            return Ok(current);
        }
        let _turn = self.catalogue.turn.lock().await;
        match self.catalogue.current(now) {
            Some(current) => Ok(current),
            None => self.read_catalogue(now).await,
        }
    }

    /// Somebody looks, and may ask for images next.
    pub fn expect_catalogue(&self, now: Timestamp) {
        self.catalogue.want(now);
    }

    /// Reads it where somebody looks and it is remembered, so that nobody waits for it; and
    /// forgets it where nobody looks any more.
    ///
    /// # Errors
    /// Where the records cannot be read.
    pub async fn refresh_catalogue_once(&self, now: Timestamp) -> Result<(), LedgerError> {
        self.catalogue.forget_unwanted(now);
        if !self.catalogue.is_due(now) {
            return Ok(());
        }
        let _turn = self.catalogue.turn.lock().await;
        // Somebody may have read it meanwhile.
        if self.catalogue.is_due(now) {
            self.read_catalogue(now).await?;
        }
        Ok(())
    }

    async fn read_catalogue(&self, now: Timestamp) -> Result<Arc<Catalogue>, LedgerError> {
        // What is not in memory yet would be missing in the list.
        self.load_once().await?;
        // Before all that is read: what changes meanwhile is looked at again.
        let seq = self.index.seq();
        let denied = self.denied_since(Timestamp::MIN).await?;
        let denied: Vec<Subject> = denied.iter().filter_map(Decision::subject).collect();
        let images = self.known_images(&denied).await?;
        let places = self.known_places().await?;
        let covered = self.scan_coverage().await?;
        let scans = self.kept_scans().await?;
        let put_together = move || {
            let places = by_place(&places, &denied);
            let catalogued = images.into_iter().map(|image| CataloguedImage {
                environments: environments(&image, &places),
                scan: covered.get(&image.manifest).copied(),
                image,
            });
            Catalogue::new(catalogued.collect(), scans, (now, seq))
        };
        let catalogue = Arc::new(self.heavy.run(put_together).await?);
        self.catalogue.last.store(Some(catalogue.clone()));
        Ok(catalogue)
    }
}

type Environments = HashMap<(Repository, Digest), BTreeSet<EnvironmentName>>;

fn by_place(places: &[KnownPlace], denied: &[Subject]) -> Environments {
    let mut found = Environments::new();
    let known = places.iter().map(|place| &place.subject);
    for subject in known.chain(denied) {
        let at = (subject.repository.clone(), subject.digest.clone());
        let environments = found.entry(at).or_default();
        environments.insert(subject.environment.clone());
    }
    found
}

fn environments(image: &KnownImage, places: &Environments) -> Vec<EnvironmentName> {
    let at = |digest: &Digest| (image.repository.clone(), digest.clone());
    let found = image.digests().filter_map(|digest| places.get(&at(digest)));
    let once: BTreeSet<&EnvironmentName> = found.flatten().collect();
    once.into_iter().cloned().collect()
}
