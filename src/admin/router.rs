//! The API on one page: every route.

use axum::response::{IntoResponse, Response};
use axum::{Json, Router};

use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ContentBuilder, Ref, ResponseBuilder};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::AdminError;
use super::{
    Admin, activity, acts, audit_seals, decision_stream, decisions, denial_groups, due, exceptions,
    forecast, image_detail, image_list, notifications, overrides, passing, promotions, replays,
    replicas, revocations, revoked, scans, status, tokens, unpushed, verdicts,
};
use crate::api::ErrorCode;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Sekisho admin API",
        description = "Evidence in, verdicts out. Send `Authorization: Bearer <token>`."
    ),
    security(("token" = []))
)]
struct ApiDocument;

/// All routes of the API.
pub(super) fn router(admin: Admin) -> Router {
    let (api, mut document) = OpenApiRouter::with_openapi(document())
        .routes(routes!(scans::submit))
        .routes(routes!(unpushed::bind))
        .routes(routes!(due::list))
        .routes(routes!(image_list::list))
        .routes(routes!(image_detail::one))
        .routes(routes!(forecast::list))
        .routes(routes!(replays::replay))
        .routes(routes!(promotions::promote))
        .routes(routes!(revoked::revocations, revocations::revoke))
        .routes(routes!(revocations::reinstate))
        .routes(routes!(
            overrides::grant_break_glass,
            overrides::list_break_glass
        ))
        .routes(routes!(overrides::end_break_glass))
        .routes(routes!(overrides::set_mode, overrides::list_modes))
        .routes(routes!(overrides::end_mode))
        .routes(routes!(exceptions::exceptions))
        .routes(routes!(exceptions::advisories))
        .routes(routes!(verdicts::verdict))
        .routes(routes!(passing::list))
        .routes(routes!(decisions::list))
        .routes(routes!(denial_groups::list))
        .routes(routes!(activity::show))
        .routes(routes!(decision_stream::follow))
        .routes(routes!(decisions::one))
        .routes(routes!(acts::list))
        .routes(routes!(audit_seals::list))
        .routes(routes!(notifications::test))
        .routes(routes!(tokens::create, tokens::list))
        .routes(routes!(tokens::revoke))
        .routes(routes!(status::status))
        .routes(routes!(replicas::list))
        .split_for_parts();
    add_refusals(&mut document);
    api.route(
        "/api/v1/openapi.json",
        axum::routing::get(move || async move { Json(document) }),
    )
    .fallback(unknown)
    .method_not_allowed_fallback(other_method)
    .with_state(admin)
}

fn document() -> utoipa::openapi::OpenApi {
    let mut document = ApiDocument::openapi();
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
    document
        .components
        .get_or_insert_default()
        .add_security_scheme("token", SecurityScheme::Http(bearer));
    document
}

/// What every route may answer in place of what it is asked for: no token, no right, a body
/// that is no JSON, a ledger that is away.
fn add_refusals(document: &mut utoipa::openapi::OpenApi) {
    let body = Ref::from_schema_name("ErrorBody");
    let refusal = ResponseBuilder::new()
        .description("It is refused, or cannot be done now; the body says why and what to do.")
        .content(
            "application/json",
            ContentBuilder::new().schema(Some(body)).build(),
        )
        .build();
    for item in document.paths.paths.values_mut() {
        let verbs = [
            &mut item.get,
            &mut item.post,
            &mut item.put,
            &mut item.delete,
        ];
        for operation in verbs.into_iter().flatten() {
            let responses = &mut operation.responses.responses;
            responses.insert("default".to_owned(), refusal.clone().into());
        }
    }
}

async fn unknown() -> Response {
    AdminError::new(ErrorCode::NotFound, "nothing lies at that path")
        .next("the API is described at /api/v1/openapi.json")
        .into_response()
}

async fn other_method() -> Response {
    AdminError::new(ErrorCode::MethodNotAllowed, "that path takes other methods")
        .next("the API is described at /api/v1/openapi.json")
        .into_response()
}
