//! The door: the routes within their stack, at an address of its own or beside another
//! door.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::response::{IntoResponse, Response};
use http::header::RETRY_AFTER;
use http::{Request, StatusCode};

use super::Ops;
use super::router::{PATHS, router};
use crate::http::{Answering, Connection, Handler, Peer, RoutedDoor, StackLimits, Unserved};

/// The door of probes and scrapers.
pub fn ops_door(ops: Ops, limits: StackLimits) -> RoutedDoor {
    RoutedDoor::new("ops", router(ops), limits, busy)
}

fn busy(_: Unserved) -> Response {
    let status = StatusCode::SERVICE_UNAVAILABLE;
    (status, [(RETRY_AFTER, "1")], "busy; retry\n").into_response()
}

/// The probes beside another door, at that door's address. Each has its own stack, so
/// that an overloaded door does not look like a dead program.
pub struct ProbesBeside<D> {
    ops: Connection<RoutedDoor>,
    other: Connection<D>,
}

impl<D> ProbesBeside<D> {
    pub fn new(ops: Arc<RoutedDoor>, other: Arc<D>, peer: Peer) -> Self {
        Self {
            ops: Connection::new(ops, peer.clone()),
            other: Connection::new(other, peer),
        }
    }
}

impl<D, B> hyper::service::Service<Request<B>> for ProbesBeside<D>
where
    D: Handler<B, Body = Body>,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<axum::BoxError>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Answering<Body>;

    fn call(&self, request: Request<B>) -> Self::Future {
        if PATHS.contains(&request.uri().path()) {
            self.ops.call(request)
        } else {
            self.other.call(request)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hyper::service::Service;

    use super::super::{MetricsPage, Readiness};
    use super::*;
    use crate::metrics::Metrics;

    fn door(limits: StackLimits) -> Arc<RoutedDoor> {
        let readiness = Readiness::new(Vec::new);
        let metrics = MetricsPage::new(|| Metrics::new().encode());
        Arc::new(ops_door(Ops { metrics, readiness }, limits))
    }

    fn peer() -> Peer {
        Peer::new(([127, 0, 0, 1], 9).into(), None)
    }

    fn livez() -> Request<Body> {
        Request::get("/livez").body(Body::empty()).unwrap()
    }

    const FULL: StackLimits = StackLimits {
        at_once: 0,
        at_once_per_address: 0,
        deadline: Duration::from_secs(60),
        logged: true,
        continues_traces: false,
    };

    #[tokio::test]
    async fn turns_probes_away_when_full() {
        let answer = Connection::new(door(FULL), peer()).call(livez());
        let answer = answer.await.unwrap();
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.headers()[RETRY_AFTER], "1");
    }

    #[tokio::test]
    async fn answers_probes_beside_a_door_that_is_full() {
        let beside = ProbesBeside::new(door(StackLimits::OPS), door(FULL), peer());
        let alive = beside.call(livez()).await.unwrap();
        assert_eq!(alive.status(), StatusCode::OK);
        let other = Request::get("/other").body(Body::empty()).unwrap();
        let refused = beside.call(other).await.unwrap();
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    }
}
