//! Every route of this door.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};

use super::Readiness;

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Writes the page that scrapers read.
#[derive(Clone)]
pub struct MetricsPage(Arc<dyn Fn() -> String + Send + Sync>);

impl MetricsPage {
    pub fn new(write: impl Fn() -> String + Send + Sync + 'static) -> Self {
        Self(Arc::new(write))
    }
}

/// What this door shows.
#[derive(Clone)]
pub struct Ops {
    pub metrics: MetricsPage,
    pub readiness: Readiness,
}

const LIVEZ: &str = "/livez";
const READYZ: &str = "/readyz";
const METRICS: &str = "/metrics";
/// Every path that the routes below answer.
pub(super) const PATHS: [&str; 3] = [LIVEZ, READYZ, METRICS];

pub(super) fn router(ops: Ops) -> Router {
    Router::new()
        .route(LIVEZ, get(livez))
        .route(READYZ, get(readyz))
        .route(METRICS, get(metrics))
        .with_state(ops)
}

/// Liveness checks no dependency, since a restart would repair none.
async fn livez() -> Response {
    ([(CACHE_CONTROL, "no-store")], "ok\n").into_response()
}

async fn readyz(State(ops): State<Ops>) -> Response {
    let report = ops.readiness.report();
    let status = if report.ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, [(CACHE_CONTROL, "no-store")], Json(report)).into_response()
}

async fn metrics(State(ops): State<Ops>) -> Response {
    ([(CONTENT_TYPE, OPENMETRICS)], (ops.metrics.0)()).into_response()
}

#[cfg(test)]
mod tests {
    use super::super::{Health, HealthPart};
    use super::*;
    use crate::metrics::Metrics;
    use axum::body::Body;
    use axum::http::Request;
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    async fn get(path: &str, parts: Vec<HealthPart>) -> (StatusCode, String) {
        let ops = Ops {
            metrics: MetricsPage::new(|| Metrics::new().encode()),
            readiness: Readiness::new(move || parts.clone()),
        };
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = router(ops).oneshot(request).await.unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    fn degraded() -> HealthPart {
        HealthPart::new("docker.io", Health::Degraded("rate limit".to_owned()))
    }

    #[tokio::test]
    async fn stays_ready_while_degraded_and_says_what_is() {
        let parts = vec![HealthPart::new("ledger", Health::Ok), degraded()];
        let (status, body) = get("/readyz", parts).await;
        assert_eq!(status, StatusCode::OK);
        let part = r#"{"name":"docker.io","health":"degraded","detail":"rate limit"}"#;
        assert_eq!(body, format!(r#"{{"ready":true,"degraded":[{part}]}}"#));
    }

    #[tokio::test]
    async fn is_not_ready_when_a_part_has_failed() {
        let ledger = HealthPart::new("ledger", Health::Failed("locked".to_owned()));
        let (status, body) = get("/readyz", vec![degraded(), ledger]).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(body.starts_with(r#"{"ready":false,"#), "{body}");
    }

    #[tokio::test]
    async fn lives_without_any_part() {
        let ledger = HealthPart::new("ledger", Health::Failed("locked".to_owned()));
        assert_eq!(
            get("/livez", vec![ledger]).await,
            (StatusCode::OK, "ok\n".to_owned())
        );
    }

    #[tokio::test]
    async fn prints_the_metrics() {
        let (status, body) = get("/metrics", vec![]).await;
        assert_eq!(status, StatusCode::OK);
        assert!(body.contains("sekisho_build_info{version=") && body.ends_with("# EOF\n"));
    }
}
