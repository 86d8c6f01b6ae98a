//! The admin API as the pages ask it: its own routes, within the process.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::response::Response;
use http::header::CONTENT_TYPE;
use http::{Extensions, Method, Request, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tower::ServiceExt;
use url::form_urlencoded;

use crate::api::{ErrorBody, ErrorCode, ErrorDetail};

/// The longest answer that a page is made of, in bytes: that of a thousand images with
/// a hundred matches each.
const MAX_ANSWER_BYTES: usize = 64 << 20;

/// The routes of the admin API.
#[derive(Clone)]
pub(super) struct AdminApi(Router);

/// Why it did not answer.
#[derive(Debug)]
pub(super) struct ApiRefusal {
    pub status: StatusCode,
    pub error: ErrorDetail,
}

impl ApiRefusal {
    /// What a page refuses by itself, in the words of the API.
    pub fn new(code: ErrorCode, message: &str, next: Option<&str>) -> Self {
        Self {
            status: status(code),
            error: ErrorDetail {
                code,
                message: message.to_owned(),
                next_step: next.map(str::to_owned),
                reason: None,
            },
        }
    }

    pub fn bad_request(message: &str) -> Self {
        Self::new(ErrorCode::BadRequest, message, None)
    }
}

const fn status(code: ErrorCode) -> StatusCode {
    match code {
        ErrorCode::BadRequest => StatusCode::BAD_REQUEST,
        ErrorCode::Forbidden => StatusCode::FORBIDDEN,
        ErrorCode::NotFound => StatusCode::NOT_FOUND,
        ErrorCode::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        ErrorCode::Unauthenticated => StatusCode::UNAUTHORIZED,
        ErrorCode::Conflict => StatusCode::CONFLICT,
        ErrorCode::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorCode::TooMany => StatusCode::TOO_MANY_REQUESTS,
        ErrorCode::Refused | ErrorCode::Denied => StatusCode::UNPROCESSABLE_ENTITY,
        ErrorCode::Upstream => StatusCode::BAD_GATEWAY,
        ErrorCode::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        ErrorCode::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl AdminApi {
    pub fn new(routes: Router) -> Self {
        Self(routes)
    }

    /// Passes a request on as it is.
    pub async fn pass_on(&self, request: Request<Body>) -> Response {
        let answered = self.0.clone().oneshot(request).await;
        answered.unwrap_or_else(|never| match never {})
    }

    /// Reads what lies at an address. `context` is of the request that the page answers:
    /// who asks, from where, and when.
    ///
    /// # Errors
    /// [`ApiRefusal`] as the API words it.
    pub async fn get<T: DeserializeOwned>(
        &self,
        context: &Extensions,
        address: &str,
    ) -> Result<T, ApiRefusal> {
        let mut request = Request::new(Body::empty());
        *request.method_mut() = Method::GET;
        *request.uri_mut() = address.parse().map_err(|_| broken("address"))?;
        *request.extensions_mut() = context.clone();
        self.answer(request).await
    }

    /// Writes at an address, as whoever `context` says.
    ///
    /// # Errors
    /// [`ApiRefusal`] as the API words it.
    pub async fn post<T: DeserializeOwned>(
        &self,
        context: &Extensions,
        address: &str,
        body: &(impl Serialize + Sync),
    ) -> Result<T, ApiRefusal> {
        let body = serde_json::to_vec(body).map_err(|_| broken("body"))?;
        let request = Request::post(address).header(CONTENT_TYPE, "application/json");
        let request = request.body(Body::from(body));
        let mut request = request.map_err(|_| broken("address"))?;
        *request.extensions_mut() = context.clone();
        self.answer(request).await
    }

    async fn answer<T: DeserializeOwned>(&self, request: Request<Body>) -> Result<T, ApiRefusal> {
        let (head, body) = self.pass_on(request).await.into_parts();
        let body = to_bytes(body, MAX_ANSWER_BYTES).await;
        let body = body.map_err(|_| broken("answer"))?;
        if head.status.is_success() {
            return serde_json::from_slice(&body).map_err(|_| broken("answer"));
        }
        let told: Result<ErrorBody, _> = serde_json::from_slice(&body);
        Err(ApiRefusal {
            status: head.status,
            error: told.map_err(|_| broken("refusal"))?.error,
        })
    }
}

/// Both sides are of this program, so this is a fault of ours.
fn broken(what: &'static str) -> ApiRefusal {
    tracing::error!(what, "a page could not ask the admin API");
    let next = Some("try again; if it stays so, look at the log");
    ApiRefusal::new(ErrorCode::Internal, "the page could not be made", next)
}

/// An address of the API: a path, and a query whose keys are those of its type.
pub(super) fn address(path: &str, query: &impl Serialize) -> String {
    let mut pairs = form_urlencoded::Serializer::new(String::new());
    if let Ok(Value::Object(keys)) = serde_json::to_value(query) {
        for (key, value) in &keys {
            match value {
                Value::Null => {}
                Value::String(text) => {
                    pairs.append_pair(key, text);
                }
                other => {
                    pairs.append_pair(key, &other.to_string());
                }
            }
        }
    }
    match pairs.finish() {
        query if query.is_empty() => path.to_owned(),
        query => format!("{path}?{query}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{DECISIONS, DecisionQuery};

    #[test]
    fn an_address_has_the_keys_that_are_set() {
        assert_eq!(address(DECISIONS, &DecisionQuery::default()), DECISIONS);
        let query = DecisionQuery {
            image: Some("a b&c=d".to_owned()),
            limit: Some(5),
            spread: true,
            ..DecisionQuery::default()
        };
        let written = address(DECISIONS, &query);
        assert_eq!(
            written,
            format!("{DECISIONS}?image=a+b%26c%3Dd&limit=5&spread=true")
        );
    }
}
