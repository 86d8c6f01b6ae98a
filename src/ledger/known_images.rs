//! Which images are known, where they are let in and pulled, and which were scanned:
//! for questions that people ask, not for judgement.

use std::collections::{BTreeMap, HashMap, HashSet};

use futures_util::TryStreamExt;
use jiff::Timestamp;

use super::{Ledger, LedgerError, columns};
use crate::metrics::LedgerVerb;
use crate::oci::{Closure, Digest, ImageContent, Platform, Repository};
use crate::trust::Subject;

/// An image manifest that is known to lie in a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownImage {
    pub repository: Repository,
    pub manifest: Digest,
    /// `None` where it was only seen, so that nobody read what it is.
    pub platform: Option<Platform>,
    /// The image ID, where it is known.
    pub config: Option<Digest>,
    /// Recorded indexes that hold it.
    pub indexes: Vec<Digest>,
}

impl KnownImage {
    /// The digests under which it is promoted, pulled and run.
    pub fn digests(&self) -> impl Iterator<Item = &Digest> {
        std::iter::once(&self.manifest).chain(&self.indexes)
    }
}

/// That a digest is known in an environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownPlace {
    pub subject: Subject,
    pub last_pulled: Option<Timestamp>,
    pub promoted: bool,
}

/// What is known of an image's contents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScanCoverage {
    /// When the newest scan that left nothing out was made.
    pub scanned_at: Timestamp,
    /// Whether a scan lists packages without a finding, too.
    pub lists_packages: bool,
}

type Found = BTreeMap<(Repository, Digest), KnownImage>;

impl Ledger {
    /// The images that are known to lie in repositories that `wanted` names, by
    /// repository and digest: recorded ones, those that were only seen, and `denied`.
    ///
    /// # Errors
    /// Where the records cannot be read.
    pub async fn known_images(
        &self,
        wanted: impl Fn(&Repository) -> bool,
        denied: &[Subject],
    ) -> Result<Vec<KnownImage>, LedgerError> {
        let _timed = self.timed(LedgerVerb::KnownImages);
        let mut found = Found::new();
        let mut explained = HashSet::new();
        let recorded = "SELECT repository, root FROM closures";
        let mut rows = sqlx::query_as::<_, (String, String)>(recorded).fetch(&self.readers);
        while let Some((repository, root)) = rows.try_next().await? {
            let repository: Repository = columns::text(&repository)?;
            if !wanted(&repository) {
                continue;
            }
            if let Some(closure) = self.index.closure(&repository, &columns::text(&root)?) {
                add(&mut found, &repository, &closure);
                explain(&mut explained, &repository, &closure);
            }
        }
        drop(rows);
        let seen = "SELECT DISTINCT repository, digest FROM facts";
        let mut rows = sqlx::query_as::<_, (String, String)>(seen).fetch(&self.readers);
        let mut only_seen: Vec<(Repository, Digest)> = Vec::new();
        while let Some((repository, digest)) = rows.try_next().await? {
            only_seen.push((columns::text(&repository)?, columns::text(&digest)?));
        }
        let denied = denied.iter();
        only_seen.extend(denied.map(|it| (it.repository.clone(), it.digest.clone())));
        for at in only_seen {
            if wanted(&at.0) && !explained.contains(&at) {
                found.entry(at.clone()).or_insert_with(|| unread(at));
            }
        }
        Ok(found.into_values().collect())
    }

    /// Where digests were promoted to, seen and pulled, in repositories that `wanted`
    /// names.
    ///
    /// # Errors
    /// Where the records cannot be read.
    pub async fn known_places(
        &self,
        wanted: impl Fn(&Repository) -> bool,
    ) -> Result<Vec<KnownPlace>, LedgerError> {
        let _timed = self.timed(LedgerVerb::KnownPlaces);
        let known = "SELECT environment, repository, digest, last_pulled, 0 FROM facts \
                     UNION ALL SELECT DISTINCT environment, repository, digest, NULL, 1 \
                     FROM promotions WHERE withdrawn_at IS NULL";
        type Row = (String, String, String, Option<i64>, bool);
        let mut rows = sqlx::query_as::<_, Row>(known).fetch(&self.readers);
        let mut places = Vec::new();
        while let Some((environment, repository, digest, pulled, promoted)) =
            rows.try_next().await?
        {
            let subject = columns::subject(&environment, &repository, &digest)?;
            if wanted(&subject.repository) {
                places.push(KnownPlace {
                    subject,
                    last_pulled: columns::time_if(pulled)?,
                    promoted,
                });
            }
        }
        Ok(places)
    }

    /// Every image manifest with a scan that left nothing out. `packages`: whether it is
    /// looked up if that lists packages without a finding, which reads all of them.
    ///
    /// # Errors
    /// Where the records cannot be read.
    pub async fn scan_coverage(
        &self,
        packages: bool,
    ) -> Result<HashMap<Digest, ScanCoverage>, LedgerError> {
        let _timed = self.timed(LedgerVerb::ScanCoverage);
        let whole = "SELECT manifest, body ->> '$.scanned_at', \
                     ?1 AND (SELECT count(*) FROM packages WHERE scan = scans.id) > \
                     (SELECT count(DISTINCT (body ->> '$.package') || ' ' || \
                      (body ->> '$.installed')) FROM findings WHERE scan = scans.id) \
                     FROM scans WHERE withdrawn_at IS NULL \
                     AND json_array_length(body, '$.incomplete') = 0";
        let mut rows = sqlx::query_as::<_, (String, String, bool)>(whole)
            .bind(packages)
            .fetch(&self.readers);
        let mut covered: HashMap<Digest, ScanCoverage> = HashMap::new();
        while let Some((manifest, scanned_at, lists_packages)) = rows.try_next().await? {
            let scanned_at = columns::text(&scanned_at)?;
            let new = ScanCoverage {
                scanned_at,
                lists_packages,
            };
            let known = covered.entry(columns::text(&manifest)?).or_insert(new);
            known.scanned_at = known.scanned_at.max(scanned_at);
            known.lists_packages |= lists_packages;
        }
        Ok(covered)
    }
}

/// The images of a closure that run; attestations and artifacts hold no package.
fn add(found: &mut Found, repository: &Repository, closure: &Closure) {
    for image in closure.images() {
        let ImageContent::Runnable { platform, .. } = &image.content else {
            continue;
        };
        let at = (repository.clone(), image.manifest.clone());
        let known = found.entry(at.clone()).or_insert_with(|| unread(at));
        known.platform = Some(platform.clone());
        known.config = Some(image.config.digest.clone());
        if *closure.root() != image.manifest && !known.indexes.contains(closure.root()) {
            known.indexes.push(closure.root().clone());
        }
    }
}

fn unread((repository, manifest): (Repository, Digest)) -> KnownImage {
    KnownImage {
        repository,
        manifest,
        platform: None,
        config: None,
        indexes: Vec::new(),
    }
}

/// The manifests that a closure accounts for, whatever they are.
fn explain(
    explained: &mut HashSet<(Repository, Digest)>,
    repository: &Repository,
    closure: &Closure,
) {
    let images = closure.images().map(|image| &image.manifest);
    let nested = closure.nested().iter().map(|index| &index.digest);
    let all = std::iter::once(closure.root()).chain(images).chain(nested);
    explained.extend(all.map(|digest| (repository.clone(), digest.clone())));
}
