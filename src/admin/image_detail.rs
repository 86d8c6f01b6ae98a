//! `GET /api/v1/images/<digest>`: all that is known of one image.

use std::collections::{BTreeSet, HashSet};

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;

use super::Admin;
use super::authenticate::{ReadAccess, RequestTime};
use super::error::AdminError;
use super::extract::{PathName, StrictQuery};
use super::image_findings::ShownFindings;
use super::image_lineage::ImageLineage;
use super::image_search::ImageSearch;
use super::running_pods::RunningImages;
use super::within::{exception_within, globs_within};
use crate::access::{Principal, Scope};
use crate::api::{
    AdvisoryView, BreakGlassView, ErrorBody, ErrorCode, ExceptionView, ImageDetail,
    ImageDetailQuery, ImageScanView, PromotedView, RevokedView, SeverityCounts, ToolView,
};
use crate::ledger::{KnownImage, RecordedScan};
use crate::oci::{Digest, Repository};
use crate::trust::{EnvironmentName, Promotion, Revocation, Scan};

/// Scans of one image that are listed, at most.
const MAX_SCANS: u32 = 50;
/// Images that are shown of one digest, at most: a base may lie in very many repositories.
const MAX_IMAGES: usize = 50;

/// One image, by the digest of its manifest or of an index.
#[utoipa::path(
    get,
    path = "/api/v1/images/{digest}",
    params(("digest" = String, Path, description = "Of a manifest"), ImageDetailQuery),
    responses((status = 200, body = ImageDetail), (status = 404, body = ErrorBody))
)]
pub(super) async fn one(
    State(admin): State<Admin>,
    ReadAccess(principal): ReadAccess,
    RequestTime(now): RequestTime,
    PathName(digest): PathName,
    StrictQuery(query): StrictQuery<ImageDetailQuery>,
) -> Result<Json<ImageDetail>, AdminError> {
    let digest = Digest::parse(&digest)
        .map_err(|error| AdminError::bad_request(format!("{digest:?} is no digest: {error}")))?;
    let search = ImageSearch {
        admin: &admin,
        scope: principal.scope(),
        environment: admin.known_environment(query.environment)?,
        denied_since: now,
    };
    search.detail(&principal, digest, now).await.map(Json)
}

impl ImageSearch<'_> {
    async fn detail(
        &self,
        principal: &Principal,
        digest: Digest,
        now: Timestamp,
    ) -> Result<ImageDetail, AdminError> {
        let images = self.images_at(&digest, now).await?;
        let Some(first) = images.first() else {
            return Err(nothing_known(&digest));
        };
        let kind = match first.manifest == digest {
            true => "image",
            false => "index",
        };
        let running = RunningImages::new(self);
        let digests: HashSet<&Digest> = images.iter().flat_map(KnownImage::digests).collect();
        let (scans, found) = self.found_in_scans(&images).await?;
        let lineage = ImageLineage::of(self, first, now).await?;
        let may_view = principal.role().may_view_records();
        let words = may_view.then(|| self.words_on(&images, found.names(), now));
        let (exceptions, advisories) = words.unzip();
        let (findings, more_findings) = found.shown();
        let mut promotions = self.promotions(&digests).await?;
        let mut revocations = self.revocations(&digests, &images);
        if !may_view {
            promotions.iter_mut().for_each(PromotedView::forget_names);
            revocations.iter_mut().for_each(RevokedView::forget_names);
        }
        Ok(ImageDetail {
            kind: kind.to_owned(),
            first_seen: self.first_seen(&digest).await?,
            images: self.views_of(&images, &running).await?,
            promotions,
            revocations,
            break_glass: match may_view {
                true => self.break_glass(&digests, now).await,
                false => Vec::new(),
            },
            scans,
            more_findings,
            findings,
            exceptions,
            advisories,
            stands_on: lineage.stands_on,
            carries: lineage.carries,
            clusters: running.clusters(),
            digest,
        })
    }

    /// When it was first seen where the reader may see it.
    async fn first_seen(&self, digest: &Digest) -> Result<Option<Timestamp>, AdminError> {
        let covered = |repository: &Repository, environment: &EnvironmentName| {
            self.scope.covers_repository(repository)
                && self.scope.covers_environment(environment.as_str())
        };
        Ok(self.admin.ledger.first_seen_at(digest, covered).await?)
    }

    /// The images that a digest is or holds, in the reader's scope; one that was only
    /// seen, too.
    async fn images_at(
        &self,
        digest: &Digest,
        now: Timestamp,
    ) -> Result<Vec<KnownImage>, AdminError> {
        let ledger = &self.admin.ledger;
        let mut images = self.visible(ledger.images_of([digest]), now).await?;
        if images.is_empty() {
            let catalogue = ledger.catalogue(now).await?;
            let seen = catalogue.of(digest).map(|it| it.image.clone());
            images = self.visible(seen.collect(), now).await?;
        }
        images.truncate(MAX_IMAGES);
        Ok(images)
    }

    /// The scans of these images, and what those of them find that stand.
    async fn found_in_scans(
        &self,
        images: &[KnownImage],
    ) -> Result<(Vec<ImageScanView>, ShownFindings), AdminError> {
        let ledger = &self.admin.ledger;
        let mut scans = Vec::new();
        let mut found = ShownFindings::new(&self.admin.gate.rulebook());
        for image in images {
            if is_read(&scans, image) {
                continue;
            }
            let mut history = ledger.scan_history(&image.manifest, MAX_SCANS).await?;
            history.retain(|it| counts_for(&it.scan, images));
            let each = |by: &RecordedScan, finding| found.take(by, finding);
            ledger.each_finding_of(&history, each).await?;
            scans.extend(history.iter().map(scan_view));
        }
        Ok((scans, found))
    }

    async fn promotions(
        &self,
        digests: &HashSet<&Digest>,
    ) -> Result<Vec<PromotedView>, AdminError> {
        let ledger = &self.admin.ledger;
        let all = ledger.promotions_on(digests.iter().copied()).await?;
        let seen = all.into_iter().filter(|it| {
            self.covers(&it.environment) && self.scope.covers_repository(&it.repository)
        });
        Ok(seen.map(promoted).collect())
    }

    /// Those that hold in a repository and an environment which the reader may see.
    fn revocations(&self, digests: &HashSet<&Digest>, images: &[KnownImage]) -> Vec<RevokedView> {
        let index = self.admin.ledger.index();
        let all = digests.iter().flat_map(|it| index.revocations(it));
        let here = all.filter(|it| {
            let mut repositories = images.iter().map(|image| &image.repository);
            it.environment.as_ref().is_none_or(|it| self.covers(it))
                && repositories.any(|repository| it.repositories.empty_or_matches(repository))
        });
        let mut seen = HashSet::new();
        let once = here.filter(|it| seen.insert(it.id));
        once.map(|it| revoked(it, self.scope)).collect()
    }

    async fn break_glass(&self, digests: &HashSet<&Digest>, now: Timestamp) -> Vec<BreakGlassView> {
        let granted = self
            .admin
            .ledger
            .index()
            .active_break_glass(now)
            .into_iter();
        let on_it = granted.filter(|it| digests.contains(&it.digest));
        let within = on_it.filter(|it| self.admin.grant_within(self.scope, it));
        let views = within.map(BreakGlassView::from);
        let named = views.map(|it| self.admin.named_within(self.scope, it));
        self.admin.with_unlifted(named.collect(), now).await
    }

    /// The exceptions and advisories that name what was found in the images, or them.
    fn words_on(
        &self,
        images: &[KnownImage],
        names: &BTreeSet<String>,
        now: Timestamp,
    ) -> (Vec<ExceptionView>, Vec<AdvisoryView>) {
        let rulebook = self.admin.gate.rulebook();
        let is_found = |id: &String| names.contains(&id.to_ascii_lowercase());
        let exceptions = rulebook.exceptions().iter().filter(|it| {
            let mut repositories = images.iter().map(|image| &image.repository);
            it.vulnerabilities.iter().any(is_found)
                && repositories.any(|repository| it.images.matches(repository))
        });
        let exceptions = exceptions.filter_map(|it| exception_within(self.scope, it));
        let advisories = rulebook.advisories().iter().filter(|it| {
            let mut digests = images.iter().flat_map(KnownImage::digests);
            it.vulnerabilities.iter().any(is_found) || digests.any(|own| it.digests.contains(own))
        });
        let advisories = advisories.filter_map(|it| self.admin.advisory_within(self.scope, it));
        (
            exceptions.map(|it| ExceptionView::new(&it, now)).collect(),
            advisories.map(|it| AdvisoryView::new(&it, now)).collect(),
        )
    }
}

fn nothing_known(digest: &Digest) -> AdminError {
    AdminError::new(
        ErrorCode::NotFound,
        format!("no image {digest} is known here"),
    )
    .next("it was never pulled, scanned or promoted here; sekisho images lists what was")
}

/// Whether who handed a scan in may speak for one of the repositories that are shown.
fn counts_for(scan: &Scan, images: &[KnownImage]) -> bool {
    let mut repositories = images.iter().map(|image| &image.repository);
    repositories.any(|repository| scan.scope.covers_repository(repository))
}

/// One image lies in several repositories, and its scans count in each.
fn is_read(scans: &[ImageScanView], image: &KnownImage) -> bool {
    scans.iter().any(|it| it.manifest == image.manifest)
}

fn scan_view(recorded: &RecordedScan) -> ImageScanView {
    let scan = &recorded.scan;
    ImageScanView {
        id: format!("scan:{}", scan.id),
        manifest: scan.manifest.clone(),
        tool: ToolView {
            name: scan.tool.name.clone(),
            version: scan.tool.version.clone(),
        },
        submitter: scan.submitter.clone(),
        scanned_at: scan.scanned_at,
        scanned_at_source: scan.time_source.map(Into::into),
        received_at: scan.received_at,
        database_at: scan.database_at,
        findings: SeverityCounts::counted(&recorded.findings),
        incomplete: scan.incomplete.iter().map(ToString::to_string).collect(),
        in_force: recorded.stands,
    }
}

fn promoted(promotion: Promotion) -> PromotedView {
    PromotedView {
        id: format!("promotion:{}", promotion.id),
        image: format!("{}@{}", promotion.repository, promotion.digest),
        environment: promotion.environment,
        tag: promotion.tag.map(|tag| tag.to_string()),
        at: promotion.promoted_at,
        by: Some(promotion.promoter),
        reason: promotion.reason,
        link: promotion.link,
        forced: promotion.forced,
    }
}

/// Of its globs, those that can concern the scope.
pub(super) fn revoked(revocation: Revocation, scope: &Scope) -> RevokedView {
    let repositories = globs_within(scope, &revocation.repositories);
    RevokedView {
        id: format!("revocation:{}", revocation.id),
        digest: revocation.digest,
        environment: revocation.environment,
        repositories,
        at: revocation.revoked_at,
        by: Some(revocation.revoker),
        reason: revocation.reason,
    }
}
