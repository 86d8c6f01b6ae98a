//! `GET /api/v1/forecast`: what is let in now and will be denied, first of what runs: the
//! Pods that could not start again.

use axum::Json;
use axum::extract::State;
use futures_util::stream::{self, StreamExt};
use jiff::{SignedDuration, Timestamp};

use super::Admin;
use super::authenticate::{ReadAccess, RequestTime};
use super::error::AdminError;
use super::extract::StrictQuery;
use super::image_in_use::ImageInUse;
use super::image_search::ImageSearch;
use super::images_in_use::ImagesInUse;
use super::running_pods::RunningImages;
use crate::access::Principal;
use crate::api::{
    CertificateEndView, ForecastCoverage, ForecastList, ForecastQuery, ForecastReason,
    ForecastView, MAX_FORECAST_HOURS, MAX_FORESEEN,
};
use crate::gate::{FORESEEN_AT_ONCE, ForecastCause, ForeseenDenial, LookAhead, Outlook};
use crate::trust::Denial;

/// How far is looked ahead when the query has no `within_hours`, in hours.
const DEFAULT_WITHIN_HOURS: u32 = 7 * 24;
/// Images that are judged when the query has no `limit`.
const DEFAULT_FORESEEN: usize = 500;

/// Look ahead.
#[utoipa::path(
    get,
    path = "/api/v1/forecast",
    params(ForecastQuery),
    responses((status = 200, body = ForecastList))
)]
pub(super) async fn list(
    State(admin): State<Admin>,
    ReadAccess(principal): ReadAccess,
    RequestTime(now): RequestTime,
    StrictQuery(query): StrictQuery<ForecastQuery>,
) -> Result<Json<ForecastList>, AdminError> {
    let hours = query.within_hours.unwrap_or(DEFAULT_WITHIN_HOURS);
    if !(1..=MAX_FORECAST_HOURS).contains(&hours) {
        let message = format!("within_hours must be 1 to {MAX_FORECAST_HOURS}");
        return Err(AdminError::bad_request(message));
    }
    let within = SignedDuration::from_hours(i64::from(hours));
    let search = ImageSearch {
        admin: &admin,
        scope: principal.scope(),
        environment: admin.known_environment(query.environment.clone())?,
        denied_since: now,
    };
    let running = RunningImages::new(&search);
    let in_use = ImagesInUse::read(&search, &running, query.running, now).await?;
    let until = now.checked_add(within).unwrap_or(Timestamp::MAX);
    let mut list = ForecastList {
        from: now,
        until,
        denials: Vec::new(),
        next: None,
        coverage: ForecastCoverage {
            in_use: in_use.images.len(),
            running: in_use.running(),
            unnamed_pods: in_use.unnamed_pods,
            ..ForecastCoverage::default()
        },
        certificates: admin.certificate_ends(&principal, &search, (now, until)),
        clusters: running.clusters(),
    };
    search.foresee(&mut list, in_use, &query, within).await;
    if !principal.role().may_view_records() {
        list.denials.iter_mut().for_each(forget_ticket);
    }
    Ok(Json(list))
}

impl ImageSearch<'_> {
    /// Judges the images of one page.
    async fn foresee(
        &self,
        list: &mut ForecastList,
        in_use: ImagesInUse,
        query: &ForecastQuery,
        within: SignedDuration,
    ) {
        let rulebook = self.admin.gate.rulebook();
        let ahead = LookAhead {
            rulebook: &rulebook,
            now: list.from,
            within,
        };
        let limit = query.limit.unwrap_or(DEFAULT_FORESEEN);
        let (page, next) = in_use.page(query.page.as_deref(), limit.clamp(1, MAX_FORESEEN));
        list.next = next;
        let (forecasts, ahead) = (self.admin.gate.forecasts(), &ahead);
        let looks = page.into_iter().map(|used| async move {
            let outlook = forecasts.outlook(ahead, &used.subject, used.exposure).await;
            (used, outlook)
        });
        let mut looked = stream::iter(looks).buffered(FORESEEN_AT_ONCE);
        while let Some((used, outlook)) = looked.next().await {
            list.coverage.judged += 1;
            let is_denied = matches!(&outlook, Outlook::Denied(denied) if denied.at.is_none());
            list.coverage.denied_already += usize::from(is_denied);
            match outlook {
                Outlook::Stands => {}
                Outlook::Unknown => list.coverage.unknown += 1,
                // What is denied already and runs nowhere is the matter of denials.
                Outlook::Denied(denied) if denied.at.is_none() && used.pods.is_empty() => {}
                Outlook::Denied(denied) => list.denials.push(view(*denied, used)),
            }
        }
        let order = |it: &ForecastView| (it.pods.is_empty(), it.at, it.image.clone());
        list.denials.sort_by_cached_key(order);
    }
}

impl Admin {
    /// The certificates of listeners that end within a time.
    fn certificate_ends(
        &self,
        principal: &Principal,
        search: &ImageSearch<'_>,
        (now, until): (Timestamp, Timestamp),
    ) -> Vec<CertificateEndView> {
        let status = (self.status)(now).map(|status| self.status_within(principal, status));
        let listeners = status.into_iter().flat_map(|status| status.listeners);
        let ends = listeners.filter(|it| search.covers(&it.environment));
        let ends = ends.filter_map(|listener| {
            let left = SignedDuration::from_secs(listener.certificate_expires_in_s?);
            Some(CertificateEndView {
                at: now.checked_add(left).ok()?,
                listener: listener.address,
                environment: listener.environment,
            })
        });
        let mut ends: Vec<_> = ends.filter(|it| it.at <= until).collect();
        ends.sort_by_key(|it| it.at);
        ends
    }
}

/// Which ticket a mode or a grant was for is in the records alone.
fn forget_ticket(denial: &mut ForecastView) {
    let of_ticket = [ForecastCause::Mode, ForecastCause::BreakGlass];
    if of_ticket.iter().any(|it| it.as_str() == denial.cause) {
        denial.ends = None;
    }
}

fn view(denied: ForeseenDenial, used: ImageInUse) -> ForecastView {
    let subject = denied.subject;
    ForecastView {
        image: format!("{}@{}", subject.repository, subject.digest),
        digest: subject.digest,
        environment: subject.environment,
        exposure: denied.exposure,
        at: denied.at,
        cause: denied.cause.as_str().to_owned(),
        ends: denied.ends,
        reasons: denied.denials.into_iter().map(reason).collect(),
        pods: used.pods,
    }
}

fn reason(denial: Denial) -> ForecastReason {
    ForecastReason {
        reason: denial.reason,
        detail: denial.detail,
        next_step: denial.next_step,
    }
}
