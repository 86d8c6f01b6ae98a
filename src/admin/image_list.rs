//! `GET /api/v1/images`: which images hold something, where they run, and who pulled them
//! last. What is not known is counted, so that nothing passes for an all-clear.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use axum::Json;
use axum::extract::State;
use jiff::{SignedDuration, Timestamp};

use super::Admin;
use super::authenticate::{ReadAccess, RequestTime};
use super::error::AdminError;
use super::extract::StrictQuery;
use super::image_matches::{ImageMatches, looked_for};
use super::image_search::ImageSearch;
use super::running_pods::RunningImages;
use crate::api::{CoverageView, ImageList, ImageQuery, ImageView, LastPullView, MAX_IMAGES_LISTED};
use crate::ledger::{KnownImage, KnownPlace, ScanCoverage};
use crate::oci::{Digest, Repository};
use crate::trust::{Decision, EnvironmentName, Subject};

/// Images in one answer when the query has no `limit`.
const DEFAULT_IMAGES: usize = 100;
/// How far back denials are looked for when the query has no `since`.
const DEFAULT_DENIED: SignedDuration = SignedDuration::from_hours(24);

/// Look for images.
#[utoipa::path(
    get,
    path = "/api/v1/images",
    params(ImageQuery),
    responses((status = 200, body = ImageList))
)]
pub(super) async fn list(
    State(admin): State<Admin>,
    ReadAccess(principal): ReadAccess,
    RequestTime(now): RequestTime,
    StrictQuery(query): StrictQuery<ImageQuery>,
) -> Result<Json<ImageList>, AdminError> {
    let environment = admin.known_environment(query.environment.clone())?;
    let search = ImageSearch {
        admin: &admin,
        scope: principal.scope(),
        environment,
        denied_since: query.since.unwrap_or_else(|| {
            let since = now.checked_sub(DEFAULT_DENIED);
            since.unwrap_or(Timestamp::MIN)
        }),
    };
    search.answer(&query).await.map(Json)
}

/// Where a digest of a repository is known, by environment.
type Places = HashMap<(Repository, Digest), Vec<KnownPlace>>;

impl ImageSearch<'_> {
    async fn answer(&self, query: &ImageQuery) -> Result<ImageList, AdminError> {
        let denied = self.denied().await?;
        let places = self.places(&denied).await?;
        let ledger = &self.admin.ledger;
        let known = ledger.known_images(|it| self.scope.covers_repository(it), &denied);
        let mut known = known.await?;
        known.retain(|image| self.is_here(image, &places));
        let scans = ledger.scan_coverage(query.package.is_some()).await?;
        let matches = looked_for(self, query, &known).await?;
        let coverage = coverage(&known, &scans, query);
        known.retain(|image| matches.holds(image));
        let limit = query.limit.unwrap_or(DEFAULT_IMAGES);
        let limit = limit.clamp(1, MAX_IMAGES_LISTED);
        if let Some(page) = &query.page {
            known.retain(|image| name(image) > *page);
        }
        // The order of what is shown, which pages go by.
        known.sort_by_key(name);
        let next = known
            .get(limit)
            .and_then(|_| known.get(limit - 1))
            .map(name);
        known.truncate(limit);
        let running = RunningImages::new(self);
        let mut images = Vec::new();
        for image in &known {
            images.push(
                self.view(image, (&places, &scans), &matches, &running)
                    .await?,
            );
        }
        Ok(ImageList {
            images,
            next,
            ids: matches.ids.clone(),
            coverage,
            clusters: running.clusters(),
        })
    }

    /// What was denied while that was on record. Of most of it nothing else is known, and
    /// a node may have it all the same.
    async fn denied(&self) -> Result<Vec<Subject>, AdminError> {
        let denied = self.admin.ledger.denied_since(Timestamp::MIN).await?;
        let subjects = denied.iter().filter_map(Decision::subject);
        let here = subjects.filter(|it| {
            self.covers(&it.environment) && self.scope.covers_repository(&it.repository)
        });
        Ok(here.collect())
    }

    async fn places(&self, denied: &[Subject]) -> Result<Places, AdminError> {
        let all = &self.admin.ledger;
        let all = all.known_places(|it| self.scope.covers_repository(it));
        let mut places = Places::new();
        let denied = denied.iter().map(|subject| KnownPlace {
            subject: subject.clone(),
            last_pulled: None,
            promoted: false,
        });
        for place in all.await?.into_iter().chain(denied) {
            if self.covers(&place.subject.environment) {
                let subject = &place.subject;
                let at = (subject.repository.clone(), subject.digest.clone());
                places.entry(at).or_default().push(place);
            }
        }
        Ok(places)
    }

    /// Whether the image is of the environments that are asked about: of all of them, also
    /// one that nobody promoted or asked for.
    fn is_here(&self, image: &KnownImage, places: &Places) -> bool {
        let anywhere = self.environment.is_none() && self.scope.environments().is_empty();
        anywhere || of(image, places).next().is_some()
    }

    async fn view(
        &self,
        image: &KnownImage,
        (places, scans): (&Places, &HashMap<Digest, ScanCoverage>),
        matches: &ImageMatches,
        running: &RunningImages,
    ) -> Result<ImageView, AdminError> {
        let environments = of(image, places).map(|it| it.subject.environment.clone());
        let environments = environments.collect();
        let promoted = of(image, places).filter(|place| place.promoted);
        let promoted: BTreeSet<_> = promoted.map(|it| it.subject.environment.clone()).collect();
        Ok(ImageView {
            image: name(image),
            digest: image.manifest.clone(),
            platform: image.platform.clone(),
            scanned_at: scans.get(&image.manifest).map(|it| it.scanned_at),
            matches: matches.of(&image.manifest),
            denials: matches.denials_of(image),
            promoted: promoted.into_iter().collect(),
            pulled: self.pulled(image, places).await?,
            pods: running.pods(image, &environments),
        })
    }

    /// The last pull in each environment, under any of the image's digests.
    async fn pulled(
        &self,
        image: &KnownImage,
        places: &Places,
    ) -> Result<Vec<LastPullView>, AdminError> {
        let mut last: BTreeMap<&EnvironmentName, (Timestamp, &Digest)> = BTreeMap::new();
        for place in of(image, places) {
            let subject = &place.subject;
            if let Some(at) = place.last_pulled {
                let pull = (at, &subject.digest);
                let newest = last.entry(&subject.environment).or_insert(pull);
                *newest = (*newest).max(pull);
            }
        }
        let mut pulled = Vec::new();
        for (environment, (at, digest)) in last {
            let of_repository =
                |pass: &Decision| self.repository_of(pass).as_ref() == Some(&image.repository);
            let pass = self
                .admin
                .ledger
                .last_pass(digest, environment, of_repository);
            let pass = pass.await?;
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

/// As it is shown: `host/name@digest`.
fn name(image: &KnownImage) -> String {
    format!("{}@{}", image.repository, image.manifest)
}

fn of<'a>(image: &'a KnownImage, places: &'a Places) -> impl Iterator<Item = &'a KnownPlace> {
    let at = |digest: &Digest| (image.repository.clone(), digest.clone());
    let digests: HashSet<&Digest> = image.digests().collect();
    let found = digests
        .into_iter()
        .filter_map(move |it| places.get(&at(it)));
    found.flatten()
}

fn coverage(
    known: &[KnownImage],
    scans: &HashMap<Digest, ScanCoverage>,
    query: &ImageQuery,
) -> CoverageView {
    let scanned: Vec<_> = known
        .iter()
        .filter_map(|it| scans.get(&it.manifest))
        .collect();
    let without_packages = scanned.iter().filter(|it| !it.lists_packages).count();
    CoverageView {
        known: known.len(),
        unscanned: known.len() - scanned.len(),
        without_packages: query.package.as_ref().map(|_| without_packages),
        oldest_scan: scanned.iter().map(|it| it.scanned_at).min(),
    }
}
