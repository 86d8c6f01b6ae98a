//! `/d/<id>`: what the link in a denial opens. HTML to a browser, JSON when asked, and
//! plain text to all else.

use axum::Json;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::response::{IntoResponse, Response};
use url::form_urlencoded::byte_serialize;

use super::admin_api::ApiRefusal;
use super::decision_page;
use super::decision_text::text;
use super::page::guarded;
use super::visit::{Visit, Wanted};
use crate::api::{DECISIONS, DecisionRecord, ErrorBody};

/// The decision with that id, for whoever holds it.
pub(super) async fn page(visit: Visit, id: Result<Path<String>, PathRejection>) -> Response {
    let Ok(Path(id)) = id else {
        return unreadable(&visit);
    };
    let id: String = byte_serialize(id.as_bytes()).collect();
    let address = format!("{DECISIONS}/{id}");
    let found = visit.ask::<DecisionRecord>(&address, &()).await;
    match (visit.wanted(), found) {
        (Wanted::Html, Ok(record)) => {
            let page = decision_page::drawn(&visit, &address, record).await;
            page.into_response()
        }
        (Wanted::Html, Err(refusal)) => visit.refused(refusal).into_response(),
        (Wanted::Json, Ok(record)) => guarded(Json(record).into_response(), "application/json"),
        (Wanted::Text, Ok(record)) => {
            guarded(text(&record).into_response(), "text/plain; charset=utf-8")
        }
        (Wanted::Json | Wanted::Text, Err(refusal)) => told(refusal),
    }
}

fn unreadable(visit: &Visit) -> Response {
    let refusal = ApiRefusal::bad_request("that is no id of a decision");
    match visit.wanted() {
        Wanted::Html => visit.refused(refusal).into_response(),
        Wanted::Json | Wanted::Text => told(refusal),
    }
}

fn told(refusal: ApiRefusal) -> Response {
    let body = ErrorBody {
        error: refusal.error,
        verdict: None,
    };
    let response = (refusal.status, Json(body)).into_response();
    guarded(response, "application/json")
}
