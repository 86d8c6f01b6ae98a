//! What is no page: the API answers, and browsers that lost their way are told so.

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;

use super::admin_api::ApiRefusal;
use super::state::Console;
use super::visit::{Visit, Wanted};
use crate::api::ErrorCode;

/// Paths that programs ask; their errors are JSON for whoever asks.
const API: &str = "/api/";

/// Passes a request on to the API, and draws its "not found" for browsers.
pub(super) async fn elsewhere(
    State(console): State<Console>,
    visit: Visit,
    request: Request,
) -> Response {
    let is_page = !request.uri().path().starts_with(API) && visit.wanted() == Wanted::Html;
    let answer = console.api.pass_on(request).await;
    if is_page && answer.status() == StatusCode::NOT_FOUND {
        let (told, next) = ("nothing lies at that address", "begin at the overview");
        let refusal = ApiRefusal::new(ErrorCode::NotFound, told, Some(next));
        return visit.refused(refusal).into_response();
    }
    answer
}

/// A page that was asked with another method.
pub(super) async fn other_method(visit: Visit) -> Response {
    let (told, next) = ("that page takes other methods", "open it in a browser");
    let refusal = ApiRefusal::new(ErrorCode::MethodNotAllowed, told, Some(next));
    visit.refused(refusal).into_response()
}
