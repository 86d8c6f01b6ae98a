//! The door: the routes within their stack, and what that refuses in the API's words.

use axum::response::{IntoResponse, Response};
use axum::{Router, middleware};

use super::Admin;
use super::authenticate::admit_host;
use super::error::AdminError;
use super::router::router;
use crate::api::ErrorCode;
use crate::http::{RoutedDoor, StackLimits, Unserved};

/// The door of the admin API. `around` puts pages around its routes; both answer to the
/// same hosts.
pub fn admin_door(
    admin: Admin,
    around: impl FnOnce(Router) -> Router,
    limits: StackLimits,
) -> RoutedDoor {
    let hosts = middleware::from_fn_with_state(admin.clone(), admit_host);
    door_of(around(router(admin)).layer(hosts), limits)
}

fn door_of(routes: Router, limits: StackLimits) -> RoutedDoor {
    RoutedDoor::new("admin", routes, limits, unavailable)
}

fn unavailable(why: Unserved) -> Response {
    let message = match why {
        Unserved::Full => "too many requests are being worked on",
        Unserved::Late => "the answer took too long",
    };
    AdminError::new(ErrorCode::Unavailable, message)
        .next("try again in a second")
        .into_response()
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::sync::Arc;
    use std::time::Duration;

    use axum::body::{Body, Bytes};
    use axum::routing::get;
    use http::{Request, StatusCode, header};
    use http_body_util::BodyExt;
    use hyper::service::Service;

    use super::*;
    use crate::http::{Connection, Peer};

    async fn refused(at_once: usize, method: &str) -> (Response<()>, Bytes) {
        let routes = Router::new().route("/", get(|| async { pending::<()>().await }));
        let limits = StackLimits {
            at_once,
            at_once_per_address: at_once,
            deadline: Duration::from_millis(1),
            logged: true,
            continues_traces: false,
        };
        let door = Arc::new(door_of(routes, limits));
        let peer = Peer::new(([127, 0, 0, 1], 9).into(), None);
        let request = Request::builder().method(method).body(Body::empty());
        let answer = Connection::new(door, peer).call(request.unwrap());
        let (parts, body) = answer.await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (Response::from_parts(parts, ()), body)
    }

    #[tokio::test]
    async fn refuses_in_the_words_of_the_api_when_full_and_when_late() {
        for (places, message) in [(0, "too many"), (1, "too long")] {
            let (head, body) = refused(places, "GET").await;
            assert_eq!(head.status(), StatusCode::SERVICE_UNAVAILABLE);
            assert_eq!(head.headers()[header::RETRY_AFTER], "1");
            assert!(head.headers().contains_key("x-request-id"));
            let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(body["error"]["code"], "unavailable");
            let said = body["error"]["message"].as_str().unwrap();
            assert!(said.contains(message), "{said}");
            let (head, body) = refused(places, "HEAD").await;
            assert_eq!(head.status(), StatusCode::SERVICE_UNAVAILABLE);
            assert_eq!(body, "");
        }
    }
}
