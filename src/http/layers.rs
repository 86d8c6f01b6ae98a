//! The middleware of slow paths, on one page.
//!
//! From the outside in: a request id and a span; more requests than the
//! listener can work on at once are turned away; a deadline for the head of the
//! answer. What the layers answer by themselves is `503` with `Retry-After`,
//! which clients take as "try again" and never as "not there". Fast paths pass
//! none of this, and bodies are outside the deadline: the connection bounds
//! those.

use std::convert::Infallible;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{FutureExt, TryFutureExt};
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Request, Response, StatusCode};
use tokio::sync::Semaphore;
use tower::limit::GlobalConcurrencyLimitLayer;
use tower::load_shed::LoadShedLayer;
use tower::timeout::TimeoutLayer;
use tower::util::BoxCloneSyncService;
use tower::{Service, ServiceBuilder, ServiceExt};
use tracing::{Instrument, Span};

use super::{Peer, RequestId, RequestIds};

const REQUEST_ID: &str = "x-request-id";
const RETRY_AFTER_SECONDS: &str = "1";

/// A service within its layers. It always answers.
pub type Layered<B, R> = BoxCloneSyncService<Request<B>, Response<R>, Infallible>;

/// What the slow paths of one listener share.
#[derive(Clone)]
pub struct Layers {
    ids: Arc<RequestIds>,
    working: Arc<Semaphore>,
    deadline: Duration,
}

impl Layers {
    /// At most `concurrent` requests are worked on at once, each for at most
    /// `deadline` until its answer begins.
    pub fn new(ids: Arc<RequestIds>, concurrent: usize, deadline: Duration) -> Self {
        Self {
            ids,
            working: Arc::new(Semaphore::new(concurrent)),
            deadline,
        }
    }

    /// Puts the layers around `service`. Requests reach it with their
    /// [`RequestId`] in the extensions, and answers carry it as `X-Request-Id`.
    pub fn around<S, B, R>(&self, service: S) -> Layered<B, R>
    where
        S: Service<Request<B>, Response = Response<R>, Error = Infallible>,
        S: Clone + Send + Sync + 'static,
        S::Future: Send + 'static,
        B: Send + 'static,
        R: From<Bytes> + Send + 'static,
    {
        let limited = ServiceBuilder::new()
            .layer(LoadShedLayer::new())
            .layer(GlobalConcurrencyLimitLayer::with_semaphore(
                self.working.clone(),
            ))
            .layer(TimeoutLayer::new(self.deadline))
            .service(service);
        let ids = self.ids.clone();
        BoxCloneSyncService::new(tower::service_fn(move |mut request: Request<B>| {
            let id = ids.issue();
            let span = span(&request, id);
            request.extensions_mut().insert(id);
            limited
                .clone()
                .oneshot(request)
                .unwrap_or_else(|error| unavailable(error.as_ref()))
                .map(move |response| Ok(with_id(response, id)))
                .instrument(span)
        }))
    }
}

fn span<B>(request: &Request<B>, id: RequestId) -> Span {
    let peer = request.extensions().get::<Peer>();
    tracing::info_span!(
        "request",
        http.method = %request.method(),
        url.path = request.uri().path(),
        client.address = peer.map(|peer| tracing::field::display(peer.address)),
        client.certificate = peer.and_then(|peer| peer.certificate.as_deref()),
        request.id = %id,
    )
}

/// The deadline has passed, or too many requests are being worked on.
fn unavailable<R: From<Bytes>>(error: &(dyn Error + Send + Sync)) -> Response<R> {
    tracing::warn!(%error, "request turned away");
    let text = Bytes::from_static(b"busy; retry\n");
    let mut response = Response::new(R::from(text));
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    let headers = response.headers_mut();
    headers.insert(RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECONDS));
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    response
}

fn with_id<R>(mut response: Response<R>, id: RequestId) -> Response<R> {
    if let Ok(value) = HeaderValue::try_from(id.to_string()) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::super::Body;
    use super::*;
    use std::future::pending;
    use tokio::sync::Notify;

    const LONG: Duration = Duration::from_secs(60);

    fn request() -> Request<()> {
        Request::new(())
    }

    fn layers(concurrent: usize, deadline: Duration) -> Layers {
        Layers::new(Arc::new(RequestIds::new()), concurrent, deadline)
    }

    fn assert_turned_away(response: &Response<Body>) {
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()[RETRY_AFTER], "1");
        assert!(response.headers().contains_key(REQUEST_ID));
    }

    #[tokio::test]
    async fn names_each_request() {
        let service = layers(8, LONG).around(tower::service_fn(async |request: Request<()>| {
            let id = request.extensions().get::<RequestId>().unwrap();
            Ok(Response::new(Body::from(id.to_string())))
        }));
        let answers = [
            service.clone().oneshot(request()).await.unwrap(),
            service.oneshot(request()).await.unwrap(),
        ];
        let ids = answers.map(|answer| answer.headers()[REQUEST_ID].clone());
        assert_ne!(ids[0], ids[1]);
    }

    #[tokio::test]
    async fn answers_503_after_the_deadline() {
        let slow = tower::service_fn(async |_: Request<()>| pending().await);
        let service = layers(8, Duration::from_millis(1)).around::<_, _, Body>(slow);
        assert_turned_away(&service.oneshot(request()).await.unwrap());
    }

    #[tokio::test]
    async fn turns_away_what_is_too_much_at_once() {
        let (begun, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (began, going_on) = (begun.clone(), go_on.clone());
        let service = layers(1, LONG).around(tower::service_fn(move |_: Request<()>| {
            let (began, going_on) = (began.clone(), going_on.clone());
            async move {
                began.notify_one();
                going_on.notified().await;
                Ok(Response::new(Body::Empty))
            }
        }));
        let second = async {
            begun.notified().await;
            let refused = service.clone().oneshot(request()).await.unwrap();
            go_on.notify_one();
            refused
        };
        let (first, refused) = tokio::join!(service.clone().oneshot(request()), second);
        assert_eq!(first.unwrap().status(), StatusCode::OK);
        assert_turned_away(&refused);
    }
}
