//! Which images are known, where they are let in and pulled, and which were scanned:
//! for questions that people ask, not for judgement.

use std::collections::{BTreeMap, HashMap, HashSet};

use futures_util::{Stream, TryStreamExt};

use super::known_image::{KnownImage, KnownPlace, ScanCoverage};
use super::sql::query;
use super::{Ledger, LedgerError, columns};
use crate::metrics::LedgerVerb;
use crate::oci::{Closure, Digest, ImageContent, Repository};
use crate::trust::Subject;

type Found = BTreeMap<(Repository, Digest), KnownImage>;

impl Ledger {
    /// The images that are known to lie in a repository, by repository and digest: recorded
    /// ones, those that were only seen, and `denied`.
    ///
    /// # Errors
    /// Where the records cannot be read.
    pub(super) async fn known_images(
        &self,
        denied: &[Subject],
    ) -> Result<Vec<KnownImage>, LedgerError> {
        let _timed = self.timed(LedgerVerb::KnownImages);
        let mut found = Found::new();
        let mut explained = HashSet::new();
        for recorded in self.index.recorded() {
            for (repository, closure) in recorded {
                add(&mut found, &repository, &closure);
                explain(&mut explained, &repository, &closure);
            }
            tokio::task::yield_now().await;
        }
        let seen = self.seen().await?;
        let denied = denied.iter();
        let denied = denied.map(|it| (it.repository.clone(), it.digest.clone()));
        for at in seen.into_iter().chain(denied) {
            if !explained.contains(&at) {
                found
                    .entry(at.clone())
                    .or_insert_with(|| KnownImage::unread(at.0, at.1));
            }
        }
        Ok(found.into_values().collect())
    }

    /// What was seen in a repository, whether anybody read it or not.
    async fn seen(&self) -> Result<Vec<(Repository, Digest)>, LedgerError> {
        let seen = "SELECT DISTINCT repository, digest FROM facts";
        let mut reading = self.readers.acquire().await?;
        let mut rows = query(seen).rows::<(String, String)>(&mut reading);
        let mut seen = Vec::new();
        while let Some((repository, digest)) = rows.try_next().await? {
            seen.push((columns::text(&repository)?, columns::text(&digest)?));
        }
        Ok(seen)
    }

    /// Repositories of which a closure is recorded, by name; `limit` at most.
    ///
    /// # Errors
    /// Where the records cannot be read.
    pub async fn recorded_repositories(
        &self,
        limit: usize,
    ) -> Result<Vec<Repository>, LedgerError> {
        let _timed = self.timed(LedgerVerb::KnownPlaces);
        let recorded = "SELECT DISTINCT repository FROM closures ORDER BY repository LIMIT ?";
        let rows: Vec<(String,)> = query(recorded)
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .all(&self.readers)
            .await?;
        rows.iter().map(|(it,)| columns::text(it)).collect()
    }

    /// Where digests were promoted to, seen and pulled.
    ///
    /// # Errors
    /// Where the records cannot be read.
    pub async fn known_places(&self) -> Result<Vec<KnownPlace>, LedgerError> {
        let _timed = self.timed(LedgerVerb::KnownPlaces);
        let known = "SELECT environment, repository, digest, last_pulled, FALSE FROM facts \
                     UNION ALL SELECT DISTINCT environment, repository, digest, CAST(NULL AS BIGINT), TRUE \
                     FROM promotions WHERE withdrawn_at IS NULL";
        let mut reading = self.readers.acquire().await?;
        let mut rows = query(known).rows::<PlaceRow>(&mut reading);
        let mut places = Vec::new();
        while let Some(row) = rows.try_next().await? {
            places.push(place(row)?);
        }
        Ok(places)
    }

    /// The same for these digests alone, read anew.
    ///
    /// # Errors
    /// Where the records cannot be read.
    pub async fn places_of<'a>(
        &self,
        digests: impl IntoIterator<Item = &'a Digest>,
    ) -> Result<Vec<KnownPlace>, LedgerError> {
        let _timed = self.timed(LedgerVerb::KnownPlaces);
        let known = "SELECT environment, repository, digest, last_pulled, FALSE FROM facts \
                     WHERE digest IN (SELECT value FROM json_each(?1)) \
                     UNION ALL SELECT DISTINCT environment, repository, digest, CAST(NULL AS BIGINT), TRUE \
                     FROM promotions WHERE withdrawn_at IS NULL \
                     AND digest IN (SELECT value FROM json_each(?1))";
        let rows: Vec<PlaceRow> = query(known)
            .bind(columns::list(digests))
            .all(&self.readers)
            .await?;
        rows.into_iter().map(place).collect()
    }

    /// The images that manifests are or hold, by what is in memory: also what came since a
    /// list of all was read.
    pub fn images_of<'a>(
        &self,
        manifests: impl IntoIterator<Item = &'a Digest>,
    ) -> Vec<KnownImage> {
        let mut found = Found::new();
        for manifest in manifests {
            for repository in self.index.repositories(manifest) {
                if let Some(closure) = self.index.closure(&repository, manifest) {
                    add(&mut found, &repository, &closure);
                }
            }
        }
        for known in found.values_mut() {
            known.indexes = self
                .index
                .indexes_holding(&known.repository, &known.manifest);
        }
        found.into_values().collect()
    }

    /// Every image manifest with a scan that left nothing out.
    ///
    /// # Errors
    /// Where the records cannot be read.
    pub async fn scan_coverage(&self) -> Result<HashMap<Digest, ScanCoverage>, LedgerError> {
        let _timed = self.timed(LedgerVerb::ScanCoverage);
        let whole = "SELECT manifest, max(scanned_at), max(lists_packages) FROM scans \
                     WHERE withdrawn_at IS NULL AND is_whole = 1 GROUP BY manifest";
        let mut reading = self.readers.acquire().await?;
        covered(query(whole).rows(&mut reading)).await
    }

    /// Every scan that nobody withdrew, also those that another replaced, by id.
    pub(super) async fn kept_scans(&self) -> Result<Vec<(i64, Digest)>, LedgerError> {
        let _timed = self.timed(LedgerVerb::ScanCoverage);
        let kept = "SELECT id, manifest FROM scans WHERE withdrawn_at IS NULL";
        let mut reading = self.readers.acquire().await?;
        let mut rows = query(kept).rows::<(i64, String)>(&mut reading);
        let mut scans: Vec<(i64, Digest)> = Vec::new();
        while let Some((id, manifest)) = rows.try_next().await? {
            scans.push((id, columns::text(&manifest)?));
        }
        scans.sort_unstable_by_key(|(id, _)| *id);
        Ok(scans)
    }

    /// The same of these manifests alone, read anew.
    ///
    /// # Errors
    /// Where the records cannot be read.
    pub async fn scan_coverage_of<'a>(
        &self,
        manifests: impl IntoIterator<Item = &'a Digest>,
    ) -> Result<HashMap<Digest, ScanCoverage>, LedgerError> {
        let _timed = self.timed(LedgerVerb::ScanCoverage);
        let whole = "SELECT manifest, max(scanned_at), max(lists_packages) FROM scans \
                     WHERE withdrawn_at IS NULL AND is_whole = 1 \
                     AND manifest IN (SELECT value FROM json_each(?)) GROUP BY manifest";
        let whole = query(whole).bind(columns::list(manifests));
        let mut reading = self.readers.acquire().await?;
        covered(whole.rows(&mut reading)).await
    }
}

type CoverageRow = (String, i64, i64);

async fn covered(
    mut rows: impl Stream<Item = Result<CoverageRow, sqlx::Error>> + Unpin,
) -> Result<HashMap<Digest, ScanCoverage>, LedgerError> {
    let mut covered: HashMap<Digest, ScanCoverage> = HashMap::new();
    while let Some((manifest, scanned_at, lists_packages)) = rows.try_next().await? {
        let coverage = ScanCoverage {
            scanned_at: columns::time(scanned_at)?,
            lists_packages: lists_packages != 0,
        };
        covered.insert(columns::text(&manifest)?, coverage);
    }
    Ok(covered)
}

type PlaceRow = (String, String, String, Option<i64>, bool);

fn place(row: PlaceRow) -> Result<KnownPlace, LedgerError> {
    let (environment, repository, digest, pulled, promoted) = row;
    Ok(KnownPlace {
        subject: columns::subject(&environment, &repository, &digest)?,
        last_pulled: columns::time_if(pulled)?,
        promoted,
    })
}

/// The images of a closure that run; attestations and artifacts hold no package.
fn add(found: &mut Found, repository: &Repository, closure: &Closure) {
    for image in closure.images() {
        let ImageContent::Runnable { platform, .. } = &image.content else {
            continue;
        };
        let at = (repository.clone(), image.manifest.clone());
        let known = found
            .entry(at.clone())
            .or_insert_with(|| KnownImage::unread(at.0, at.1));
        known.platform = Some(platform.clone());
        known.config = Some(image.config.digest.clone());
        if *closure.root() != image.manifest && !known.indexes.contains(closure.root()) {
            known.indexes.push(closure.root().clone());
        }
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
