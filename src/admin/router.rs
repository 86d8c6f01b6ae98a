//! The API on one page: every route.

use axum::response::{IntoResponse, Response};
use axum::{Json, Router};

use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
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
    let (api, document) = OpenApiRouter::with_openapi(document())
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
