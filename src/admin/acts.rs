//! `/api/v1/acts`: what people and pipelines did.

use axum::Json;
use axum::extract::State;

use super::Admin;
use super::asked_image::AskedImage;
use super::authenticate::RecordsReader;
use super::error::AdminError;
use super::extract::StrictQuery;
use crate::access::Principal;
use crate::api::{ActList, ActQuery, ActRecord, ErrorBody, MAX_ACTS};
use crate::ledger::{ActFilter, RecordedAct};
use crate::oci::ImageRef;
use crate::trust::Act;

/// Acts in one answer when the query has no `limit`.
const DEFAULT_ACTS: usize = 100;

/// List acts, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/acts",
    operation_id = "acts",
    params(ActQuery),
    responses((status = 200, body = ActList), (status = 400, body = ErrorBody))
)]
pub(super) async fn list(
    State(admin): State<Admin>,
    RecordsReader(principal): RecordsReader,
    StrictQuery(query): StrictQuery<ActQuery>,
) -> Result<Json<ActList>, AdminError> {
    let limit = query.limit.unwrap_or(DEFAULT_ACTS).clamp(1, MAX_ACTS);
    let environment = admin.known_environment(query.environment)?;
    let image = query.image.as_deref();
    let image = image.map(|text| AskedImage::read(&admin, text, environment.as_ref()));
    let image = image.transpose()?;
    let filter = ActFilter {
        since: query.since,
        until: query.until,
        environment,
        act: query.act,
        principal: query.principal,
        before: query.page.as_deref().map(page).transpose()?,
        limit: u32::try_from(limit).ok(),
    };
    let wanted = |recorded: &RecordedAct| {
        let act = &recorded.act;
        image.as_ref().is_none_or(|image| image.is_of(&admin, act))
            && admin.act_within(&principal, act)
    };
    let found = admin.ledger.acts_where(&filter, wanted).await?;
    let is_full = found.len() == limit;
    let last = found.last().filter(|_| is_full);
    let next = last.map(|recorded| recorded.number.to_string());
    let acts = found.into_iter().map(|it| ActRecord::from(it.act));
    Ok(Json(ActList {
        acts: acts.collect(),
        next,
    }))
}

fn page(text: &str) -> Result<i64, AdminError> {
    text.parse().map_err(|_| {
        AdminError::bad_request("page is none that an answer named")
            .next("pass the next of an answer as it is")
    })
}

impl Admin {
    /// Whether an act lies within what the principal reads: of an image, as its
    /// repository does; of tokens, for those who manage them; of everything, for those
    /// who read everything.
    fn act_within(&self, principal: &Principal, act: &Act) -> bool {
        let scope = principal.scope();
        let environment = act.environment.as_ref();
        let here = environment.is_none_or(|name| scope.covers_environment(name.as_str()));
        if act.act.is_of_tokens() {
            return principal.role().may_manage_tokens() && scope.is_everything();
        }
        let there = match (&act.image, &act.digest) {
            (Some(image), _) => match ImageRef::parse(image, &self.default_host) {
                Ok(image) => scope.covers_repository(image.repository()),
                Err(_) => scope.covers_all_repositories(),
            },
            (None, Some(digest)) => self.knows_within(scope, digest),
            // A mode of an environment concerns all who read there; the rest is of the
            // whole program.
            (None, None) => environment.is_some() || scope.is_everything(),
        };
        here && there
    }
}
