//! `GET /api/v1/passing`: what of a repository would pass, for who was denied another
//! digest of it.

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;

use super::Admin;
use super::authenticate::{ReadAccess, RequestTime};
use super::error::AdminError;
use super::extract::StrictQuery;
use super::images::within_scope;
use super::verdicts::explain;
use crate::api::{ErrorBody, MAX_JUDGED, PASSING, PassingList, PassingQuery, PassingView};
use crate::ledger::KnownRoot;
use crate::oci::{ImageRef, Repository};
use crate::trust::{EnvironmentName, Exposure};

/// List what would pass.
#[utoipa::path(
    get,
    path = PASSING,
    params(PassingQuery),
    responses((status = 200, body = PassingList), (status = 400, body = ErrorBody))
)]
pub(super) async fn list(
    State(admin): State<Admin>,
    ReadAccess(principal): ReadAccess,
    RequestTime(now): RequestTime,
    StrictQuery(query): StrictQuery<PassingQuery>,
) -> Result<Json<PassingList>, AdminError> {
    let environment = admin.environment(query.environment)?;
    let image = admin.image(&query.image, Some(&environment))?;
    let repository = image.repository();
    within_scope(&principal, repository, Some(&environment))?;
    let roots = admin
        .ledger
        .known_roots(&environment, repository, MAX_JUDGED + 1)
        .await?;
    let mut answer = PassingList {
        is_partial: roots.len() > MAX_JUDGED,
        ..PassingList::default()
    };
    for root in roots.into_iter().take(MAX_JUDGED) {
        answer.judged += 1;
        let asked = (query.exposure, now);
        if let Some(passing) = passing(&admin, repository, &environment, root, asked).await {
            answer.images.push(passing);
        }
    }
    Ok(Json(answer))
}

/// A digest that a pull would get now. One that cannot be judged is none.
async fn passing(
    admin: &Admin,
    repository: &Repository,
    environment: &EnvironmentName,
    root: KnownRoot,
    asked: (Option<Exposure>, Timestamp),
) -> Option<PassingView> {
    let name = format!("{repository}@{}", root.digest);
    let image = ImageRef::parse(&name, &admin.default_host).ok()?;
    let judged = explain(admin, &image, environment, asked).await;
    let (verdict, _) = judged.ok()?;
    // A mode that lifts a denial makes no better image of it.
    (verdict.is_allowed() && verdict.denials().is_empty()).then_some(PassingView {
        image: name,
        digest: root.digest,
        promoted_at: root.promoted_at,
        tag: root.tag,
    })
}
