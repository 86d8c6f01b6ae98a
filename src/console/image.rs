//! `/images/<digest>`: all that is known of one image.

use askama::Template;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use url::form_urlencoded::byte_serialize;

use super::finding_rows::MAX_FINDINGS_LISTED;
use super::frame::Frame;
use super::images::FoundRow;
use super::moment::Moment;
use super::page::Page;
use super::page_error::PageError;
use super::pod_rows::{PodRow, PodsInBrief, knows_pods};
use super::short_name::short_name;
use super::visit::Visit;
use crate::api::{
    ExceptionView, IMAGES, ImageDetail, ImageScanView, ImageView, LineageView, PromotedView,
    RevokedView, STATUS, ScanTimeSource, SeverityCounts, Status, VERDICTS, VerdictQuery,
    VerdictView,
};
use crate::oci::{distinct, readable};

/// Environments in which it is judged for the page, at most.
const MAX_ENVIRONMENTS: usize = 8;

#[derive(Template)]
#[template(path = "image.html", config = "src/console/askama.toml")]
struct ImagePage {
    frame: Frame,
    detail: ImageDetail,
    first_seen: Option<Moment>,
    verdicts: Vec<VerdictRow>,
    images: Vec<PlaceRow>,
    pods: Vec<PodRow>,
    knows_pods: bool,
    findings: Vec<FoundRow>,
    more_findings: usize,
    scans: Vec<ScanRow>,
    promotions: Vec<PromotionRow>,
    revocations: Vec<RevocationRow>,
    words: Vec<WordRow>,
    stands_on: Vec<LineageView>,
    carries: Vec<LineageView>,
    /// Where it is revoked, for who may.
    revoke: Option<String>,
}

/// How it would be judged in one environment.
struct VerdictRow {
    environment: String,
    /// `allowed`, `denied` or `unknown`.
    outcome: &'static str,
    told: String,
}

/// The image in one repository.
struct PlaceRow {
    image: String,
    short: String,
    digest: String,
    platform: String,
    scanned: Option<Moment>,
    promoted: String,
    pulled: Option<(Moment, String)>,
    pods: PodsInBrief,
}

struct ScanRow {
    at: Moment,
    /// Empty: the report's.
    time_by: &'static str,
    database: Option<Moment>,
    tool: String,
    by: String,
    counts: Vec<(&'static str, u64)>,
    incomplete: String,
    in_force: bool,
}

struct PromotionRow {
    environment: String,
    image: String,
    at: Moment,
    by: String,
    why: String,
    link: Option<String>,
    forced: bool,
}

struct RevocationRow {
    at: Moment,
    by: String,
    whereabouts: String,
    reason: String,
}

/// An exception or an advisory that speaks of it.
struct WordRow {
    kind: &'static str,
    id: String,
    state: &'static str,
    told: String,
    ends: Option<Moment>,
}

impl ImagePage {
    /// As a command names it, where it lies in one repository alone.
    fn called(&self) -> String {
        match self.images.as_slice() {
            [place] if place.digest == self.detail.digest.to_string() => place.image.clone(),
            _ => format!("IMAGE@{}", self.detail.digest),
        }
    }
}

pub(super) async fn page(
    visit: Visit,
    digest: Result<Path<String>, PathRejection>,
) -> Result<Page, PageError> {
    let Ok(Path(digest)) = digest else {
        return Err(visit.bad_request("that is no digest"));
    };
    let digest: String = byte_serialize(digest.as_bytes()).collect();
    let address = format!("{IMAGES}/{digest}");
    let detail: ImageDetail = visit.read(&address, &()).await?;
    let verdicts = verdicts(&visit, &detail).await;
    Ok(drawn(&visit, &address, detail, verdicts))
}

/// The verdict on the first of its places, in each environment.
async fn verdicts(visit: &Visit, detail: &ImageDetail) -> Vec<VerdictRow> {
    let status = visit.ask::<Status>(STATUS, &()).await;
    let environments = status.map(|it| it.environments).unwrap_or_default();
    let Some(first) = detail.images.first() else {
        return Vec::new();
    };
    let (repository, _) = first.image.split_once('@').unwrap_or((&first.image, ""));
    let mut rows = Vec::new();
    for environment in environments.into_iter().take(MAX_ENVIRONMENTS) {
        let query = VerdictQuery {
            image: format!("{repository}@{}", detail.digest),
            environment: Some(environment.name.clone()),
            exposure: None,
            findings: false,
            any_gateway: false,
        };
        let verdict = visit.ask::<VerdictView>(VERDICTS, &query).await;
        let (outcome, told) = match verdict {
            Ok(verdict) if verdict.allowed => ("allowed", lifted(&verdict)),
            Ok(verdict) => ("denied", verdict.message),
            Err(refusal) => ("unknown", refusal.error.message),
        };
        rows.push(VerdictRow {
            environment: environment.name.to_string(),
            outcome,
            told,
        });
    }
    rows
}

/// What passes only since a mode or a grant lets it.
fn lifted(verdict: &VerdictView) -> String {
    let codes = distinct(verdict.reasons.iter().map(|it| it.reason.code()));
    let by = verdict.reasons.iter().find_map(|it| it.lifted_by.as_ref());
    match (codes.is_empty(), by) {
        (true, _) => String::new(),
        (false, Some(by)) => format!("only by {by}, in spite of {}", codes.join(", ")),
        (false, None) => format!("would be denied in enforce: {}", codes.join(", ")),
    }
}

fn drawn(visit: &Visit, address: &str, detail: ImageDetail, verdicts: Vec<VerdictRow>) -> Page {
    let now = visit.now;
    let pods = detail.images.iter().flat_map(|image| {
        let digest = image.digest.to_string();
        let pods = image.pods.iter().flatten();
        pods.map(move |pod| PodRow::new(&image.image, &digest, pod))
    });
    let mut pods: Vec<PodRow> = pods.collect();
    pods.sort_by_key(|row| row.way.is_none());
    let unlisted = detail.findings.len().saturating_sub(MAX_FINDINGS_LISTED);
    let findings = detail.findings.iter().take(MAX_FINDINGS_LISTED);
    let name = detail.images.first().map(|it| it.image.clone());
    Page::of(&ImagePage {
        frame: visit
            .frame(&name.unwrap_or_else(|| detail.digest.to_string()))
            .shown()
            .twin(address),
        first_seen: detail.first_seen.map(|at| Moment::new(at, now)),
        verdicts,
        images: detail
            .images
            .iter()
            .map(|it| PlaceRow::new(it, visit))
            .collect(),
        knows_pods: knows_pods(&detail.clusters),
        findings: findings.map(FoundRow::new).collect(),
        more_findings: detail.more_findings + unlisted,
        scans: detail
            .scans
            .iter()
            .map(|it| ScanRow::new(it, visit))
            .collect(),
        promotions: detail
            .promotions
            .iter()
            .map(|it| PromotionRow::new(it, visit))
            .collect(),
        revocations: detail
            .revocations
            .iter()
            .map(|it| RevocationRow::new(it, visit))
            .collect(),
        words: words(&detail, visit),
        stands_on: detail.stands_on.clone(),
        carries: detail.carries.clone(),
        revoke: revoke(visit, &detail),
        pods,
        detail,
    })
}

/// The address of the form that takes trust back.
fn revoke(visit: &Visit, detail: &ImageDetail) -> Option<String> {
    let session = visit.session()?;
    let first = detail.images.first()?;
    let (repository, _) = first.image.split_once('@')?;
    let image = format!("{repository}@{}", detail.digest);
    let image: String = byte_serialize(image.as_bytes()).collect();
    let may = session.principal.role().may_revoke();
    may.then(|| format!("revoke?image={image}"))
}

fn words(detail: &ImageDetail, visit: &Visit) -> Vec<WordRow> {
    let exceptions = detail.exceptions.iter().flatten();
    let exceptions = exceptions.map(|it: &ExceptionView| WordRow {
        kind: "exception",
        id: readable(&it.id, 100),
        state: it.state.as_str(),
        told: format!(
            "{}: {}",
            it.vulnerabilities.join(", "),
            readable(&it.reason, 300)
        ),
        ends: Some(Moment::new(it.expires, visit.now)),
    });
    let advisories = detail.advisories.iter().flatten().map(|it| WordRow {
        kind: "advisory",
        id: readable(&it.id, 100),
        state: it.state.as_str(),
        told: format!("{}: {}", it.effect, readable(&it.reason, 300)),
        ends: it.expires.map(|at| Moment::new(at, visit.now)),
    });
    advisories.chain(exceptions).collect()
}

impl PlaceRow {
    fn new(image: &ImageView, visit: &Visit) -> Self {
        let promoted: Vec<&str> = image.promoted.iter().map(|it| it.as_str()).collect();
        let platform = image.platform.as_ref().map(ToString::to_string);
        Self {
            image: image.image.clone(),
            short: short_name(&image.image),
            digest: image.digest.to_string(),
            platform: platform.unwrap_or_default(),
            scanned: image.scanned_at.map(|at| Moment::new(at, visit.now)),
            promoted: promoted.join(", "),
            pulled: image.pulled.first().map(|pull| {
                let who = pull.principal.as_deref().unwrap_or("unknown");
                let told = format!("{} in {}", readable(who, 80), pull.environment);
                (Moment::new(pull.at, visit.now), told)
            }),
            pods: PodsInBrief::new(image.pods.as_deref()),
        }
    }
}

impl ScanRow {
    fn new(scan: &ImageScanView, visit: &Visit) -> Self {
        let version = scan.tool.version.as_deref().unwrap_or_default();
        Self {
            at: Moment::new(scan.scanned_at, visit.now),
            time_by: time_by(scan.scanned_at_source),
            database: scan.database_at.map(|at| Moment::new(at, visit.now)),
            tool: readable(&format!("{} {version}", scan.tool.name), 100),
            by: readable(&scan.submitter, 100),
            counts: counts(&scan.findings),
            incomplete: scan.incomplete.join("; "),
            in_force: scan.in_force,
        }
    }
}

/// Whose word the time of a scan is, where it is not the report's.
const fn time_by(source: Option<ScanTimeSource>) -> &'static str {
    match source {
        Some(ScanTimeSource::Submitter) => "as declared by who handed it in",
        Some(ScanTimeSource::Receipt) => "first handed in; the report tells no time",
        Some(ScanTimeSource::Report) | None => "",
    }
}

/// Those severities of which there are findings, the gravest first.
fn counts(counts: &SeverityCounts) -> Vec<(&'static str, u64)> {
    let all = [
        ("critical", counts.critical),
        ("high", counts.high),
        ("medium", counts.medium),
        ("low", counts.low),
        ("negligible", counts.negligible),
        ("unrated", counts.unknown),
    ];
    all.into_iter().filter(|(_, count)| *count > 0).collect()
}

impl PromotionRow {
    fn new(promotion: &PromotedView, visit: &Visit) -> Self {
        let link = promotion.link.clone();
        Self {
            environment: promotion.environment.to_string(),
            image: promotion.image.clone(),
            at: Moment::new(promotion.at, visit.now),
            by: named(promotion.by.as_deref()),
            why: readable(promotion.reason.as_deref().unwrap_or_default(), 300),
            link: link.filter(|it| it.starts_with("https://") || it.starts_with("http://")),
            forced: promotion.forced,
        }
    }
}

impl RevocationRow {
    fn new(revocation: &RevokedView, visit: &Visit) -> Self {
        let environment = revocation.environment.as_ref();
        let environment = environment.map_or("every environment", |it| it.as_str());
        let repositories = match revocation.repositories.as_slice() {
            [] => "every repository".to_owned(),
            some => some.join(", "),
        };
        Self {
            at: Moment::new(revocation.at, visit.now),
            by: named(revocation.by.as_deref()),
            whereabouts: format!("{environment}, {repositories}"),
            reason: readable(&revocation.reason, 500),
        }
    }
}

/// Who did it, as far as the reader may know.
fn named(by: Option<&str>) -> String {
    by.map_or_else(|| "somebody".to_owned(), |it| readable(it, 100))
}
