//! `GET /api/v1/scans/due`: images that need a scan, and where the scanner can pull them.

use axum::Json;
use axum::extract::State;
use jiff::SignedDuration;

use super::Admin;
use super::authenticate::{ReadAccess, RequestTime};
use super::error::AdminError;
use super::extract::StrictQuery;
use crate::api::{DueList, DueQuery, DueView};
use crate::gate::{MAX_RESCAN_SUBJECTS, RescanDue, RescanPage, RescanQuery};
use crate::trust::Subject;

/// How far ahead scans that run out are listed when the query has no `within_hours`, in
/// hours.
const DEFAULT_WITHIN_HOURS: u32 = 7 * 24;
/// List what wants a scan.
#[utoipa::path(
    get,
    path = "/api/v1/scans/due",
    params(DueQuery),
    responses((status = 200, body = DueList))
)]
pub(super) async fn list(
    State(admin): State<Admin>,
    ReadAccess(principal): ReadAccess,
    RequestTime(now): RequestTime,
    StrictQuery(query): StrictQuery<DueQuery>,
) -> Result<Json<DueList>, AdminError> {
    let rulebook = admin.gate.rulebook();
    let hours = query.within_hours.unwrap_or(DEFAULT_WITHIN_HOURS);
    let scope = principal.scope();
    let after = query.page.as_deref().map(read_page).transpose()?;
    let page = RescanPage {
        after: after.as_ref(),
        limit: query.limit.unwrap_or(MAX_RESCAN_SUBJECTS),
    };
    let query = RescanQuery {
        rulebook: &rulebook,
        exposure: &|environment| admin.exposure_of_pulls(environment),
        is_visible: &|environment, repository| {
            scope.covers_environment(environment.as_str()) && scope.covers_repository(repository)
        },
        now,
        within: SignedDuration::from_hours(i64::from(hours)),
    };
    let (due, last) = admin.gate.rescans().due(&query, page).await?;
    Ok(Json(DueList {
        due: due.into_iter().map(view).collect(),
        next: last.as_ref().map(page_behind),
    }))
}

/// How the page behind `last` is asked for. None of its parts has a comma.
fn page_behind(last: &Subject) -> String {
    let Subject {
        environment,
        repository,
        digest,
    } = last;
    format!("{digest},{environment},{repository}")
}

fn read_page(text: &str) -> Result<Subject, AdminError> {
    let read = || {
        let mut parts = text.splitn(3, ',');
        Some(Subject {
            digest: parts.next()?.parse().ok()?,
            environment: parts.next()?.parse().ok()?,
            repository: parts.next()?.parse().ok()?,
        })
    };
    read().ok_or_else(|| {
        AdminError::bad_request("no list has such a page")
            .next("write the `next` of an earlier answer")
    })
}

fn view(due: RescanDue) -> DueView {
    DueView {
        image: format!("{}@{}", due.repository, due.manifest),
        scan: due.direct,
        insecure: due.plain,
        platform: due.platform,
        cause: due.cause.as_str().to_owned(),
        environments: due.environments,
        expires_at: due.expires_at,
    }
}
