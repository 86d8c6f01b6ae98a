//! `GET /api/v1/images`: which images hold something, where they run, and who pulled them
//! last. What is not known is counted, so that nothing passes for an all-clear.

use std::collections::HashMap;

use axum::Json;
use axum::extract::State;
use jiff::{SignedDuration, Timestamp};

use super::Admin;
use super::authenticate::{ReadAccess, RequestTime, reads_records};
use super::error::AdminError;
use super::extract::StrictQuery;
use super::image_matches::{ImageMatches, looked_for};
use super::image_places::ImagePlaces;
use super::image_search::ImageSearch;
use super::running_pods::RunningImages;
use crate::api::{CoverageView, ImageList, ImageQuery, ImageView, MAX_IMAGES_LISTED, MatchView};
use crate::ledger::{Catalogue, CataloguedImage, KnownImage, ManifestSet};
use crate::oci::{Digest, Repository};

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
    if query.advisory.is_some() {
        // Which images an advisory means, and by what, tells what it says.
        reads_records(&principal)?;
    }
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
    search.answer(&query, now).await.map(Json)
}

impl ImageSearch<'_> {
    async fn answer(&self, query: &ImageQuery, now: Timestamp) -> Result<ImageList, AdminError> {
        let behind = query.page.as_deref().filter(|it| !it.is_empty());
        let behind = behind.map(page_begin).transpose()?;
        let catalogue = self.admin.ledger.catalogue(now).await?;
        let matches = looked_for(self, &catalogue, query).await?;
        let running = RunningImages::new(self);
        let named = matches.named();
        let unlisted = self.unlisted(&catalogue, &matches, named.as_ref()).await?;
        let mut found = self.matching(&catalogue, &unlisted, &matches, named.as_ref());
        if query.running || query.exposed {
            found.retain(|it| running.runs(&it.image, query.exposed));
        }
        let total = found.len();
        let ids = matches.told_ids(self, &found).await?;
        let limit = query.limit.unwrap_or(DEFAULT_IMAGES);
        let limit = limit.clamp(1, MAX_IMAGES_LISTED);
        let (page, next) = page(&found, behind.as_ref(), limit);
        Ok(ImageList {
            images: self.views(&page, &matches, &running).await?,
            next,
            total,
            ids,
            unfollowed: matches.unfollowed,
            coverage: self.coverage(&catalogue, query),
            clusters: running.clusters(),
        })
    }

    /// The images that meet all that was asked, in their order: those of the list of all,
    /// and those among `unlisted`.
    fn matching<'c>(
        &self,
        catalogue: &'c Catalogue,
        unlisted: &'c [CataloguedImage],
        matches: &ImageMatches,
        named: Option<&'c ManifestSet>,
    ) -> Vec<&'c CataloguedImage> {
        let wanted = |it: &&CataloguedImage| self.shows(it) && matches.holds(&it.image);
        let Some(named) = named else {
            return catalogue.images.iter().filter(wanted).collect();
        };
        let mut found: Vec<_> = catalogue.images_in(named).filter(wanted).collect();
        let listed = found.len();
        found.extend(unlisted.iter().filter(wanted));
        if found.len() > listed {
            found.sort_by(|one, other| order(one).cmp(&order(other)));
        }
        found
    }

    /// What criteria name and came since the list of all images was read.
    async fn unlisted(
        &self,
        catalogue: &Catalogue,
        matches: &ImageMatches,
        named: Option<&ManifestSet>,
    ) -> Result<Vec<CataloguedImage>, AdminError> {
        let named = named.into_iter();
        let manifests: Vec<&Digest> = named.flat_map(|it| catalogue.unlisted(it)).collect();
        let mut images = self.admin.ledger.images_of(manifests.iter().copied());
        images.retain(|it| !catalogue.has(&it.manifest));
        let denied = manifests.iter().filter_map(|it| matches.only_denied(it));
        for image in denied {
            if !images.iter().any(|it| it.manifest == image.manifest) {
                images.push(image);
            }
        }
        if images.is_empty() {
            return Ok(Vec::new());
        }
        let places = ImagePlaces::read(self, &images).await?;
        let catalogued = images.into_iter().map(|image| CataloguedImage {
            environments: places.environments(&image).into_iter().collect(),
            scan: None,
            image,
        });
        Ok(catalogued.collect())
    }

    /// Whether the image is in the reader's scope, and of the environments that are asked
    /// about: of all of them, also one that nobody promoted or asked for.
    fn shows(&self, known: &CataloguedImage) -> bool {
        let anywhere = self.environment.is_none() && self.scope.environments().is_empty();
        self.scope.covers_repository(&known.image.repository)
            && (anywhere || known.environments.iter().any(|it| self.covers(it)))
    }

    fn coverage(&self, catalogue: &Catalogue, query: &ImageQuery) -> CoverageView {
        let visible = catalogue.images.iter().filter(|it| self.shows(it));
        let mut coverage = CoverageView {
            read_at: Some(catalogue.read_at),
            known: 0,
            unscanned: 0,
            without_packages: None,
            oldest_scan: None,
        };
        let mut without_packages = 0;
        for known in visible {
            coverage.known += 1;
            let Some(scan) = known.scan else {
                coverage.unscanned += 1;
                continue;
            };
            without_packages += usize::from(!scan.lists_packages);
            let oldest = coverage.oldest_scan.unwrap_or(scan.scanned_at);
            coverage.oldest_scan = Some(oldest.min(scan.scanned_at));
        }
        let of_packages = query.package.is_some() || query.advisory.is_some();
        coverage.without_packages = of_packages.then_some(without_packages);
        coverage
    }

    async fn views(
        &self,
        page: &[&CataloguedImage],
        matches: &ImageMatches,
        running: &RunningImages,
    ) -> Result<Vec<ImageView>, AdminError> {
        let found = matches.found_in(self, page).await?;
        let images: Vec<KnownImage> = page.iter().map(|it| it.image.clone()).collect();
        let mut views = self.views_of(&images, running).await?;
        for (view, image) in views.iter_mut().zip(&images) {
            let own: Option<&Vec<MatchView>> = found.get(&view.digest);
            view.matches = own.cloned().unwrap_or_default();
            view.denials = matches.denials_of(image);
        }
        Ok(views)
    }

    /// Images with where they are, who pulled them last and what runs them.
    pub(super) async fn views_of(
        &self,
        images: &[KnownImage],
        running: &RunningImages,
    ) -> Result<Vec<ImageView>, AdminError> {
        let ledger = &self.admin.ledger;
        let scans = ledger.scan_coverage_of(images.iter().map(|it| &it.manifest));
        let scans: HashMap<_, _> = scans.await?;
        let places = ImagePlaces::read(self, images).await?;
        let mut views = Vec::new();
        for image in images {
            views.push(ImageView {
                image: shown_name(image),
                digest: image.manifest.clone(),
                platform: image.platform.clone(),
                scanned_at: scans.get(&image.manifest).map(|it| it.scanned_at),
                matches: Vec::new(),
                denials: Vec::new(),
                promoted: places.promoted(image),
                pulled: places.pulled(self, image).await?,
                pods: running.pods(image, &places.environments(image)),
            });
        }
        Ok(views)
    }
}

/// As it is shown: `host/name@digest`.
pub(super) fn shown_name(image: &KnownImage) -> String {
    format!("{}@{}", image.repository, image.manifest)
}

/// Behind which image a page begins: what [`shown_name`] wrote of it.
fn page_begin(text: &str) -> Result<(Repository, Digest), AdminError> {
    let read = text.split_once('@').and_then(|(repository, digest)| {
        let repository = Repository::parse(repository).ok()?;
        Some((repository, Digest::parse(digest).ok()?))
    });
    read.ok_or_else(|| {
        AdminError::bad_request("page names no image").next("give the next of an answer, or none")
    })
}

/// What pages go by.
fn order(known: &CataloguedImage) -> (&Repository, &Digest) {
    (&known.image.repository, &known.image.manifest)
}

/// The page behind an image, of what is in its order, and what the next begins behind.
fn page<'c>(
    found: &[&'c CataloguedImage],
    behind: Option<&(Repository, Digest)>,
    limit: usize,
) -> (Vec<&'c CataloguedImage>, Option<String>) {
    let begin = behind.map_or(0, |(repository, digest)| {
        found.partition_point(|it| order(it) <= (repository, digest))
    });
    let rest = &found[begin..];
    let page = &rest[..limit.min(rest.len())];
    let last = page.last().filter(|_| page.len() < rest.len());
    (page.to_vec(), last.map(|it| shown_name(&it.image)))
}
