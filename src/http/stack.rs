//! The service stack: the layers around every door, on one page.
//!
//! From the outside in ([`Stack::serve`]):
//!
//! 1. a request id, which the log and the answer's `X-Request-Id` share;
//! 2. a span, so that every line of the log names the request that it belongs to, and
//!    another one for its trace, where traces are collected;
//! 3. one line of the log for the answer;
//! 4. the deadline: the head of an answer is sent in time, or another one is;
//! 5. load shedding: what finds no place is answered at once and never queued;
//! 6. the concurrency limit, of all and of one client address: a place is held until the
//!    head of the answer is made.
//!
//! The body of an answer is outside of all this: a layer may take an hour on a slow
//! line, and the connection bounds that. The registry's fast lane is outside, too: it
//! waits for nothing. What the stack answers by itself, the door words ([`Handler`]), so
//! that every client is refused in the language it understands.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::header::CONTENT_LENGTH;
use http::{HeaderValue, Method, Request, Response};
use tokio::sync::{Semaphore, SemaphorePermit};
use tracing::{Instrument, Span};

use super::Peer;
use super::request_id::{RequestId, RequestIds};
use super::shares::{Share, Shares};
use crate::oci::printable;
use crate::spans::{go_on, trace_span};

const REQUEST_ID: &str = "x-request-id";
/// What the log shows of one text of a request, in characters: more than the path of
/// any name and digest has.
const MAX_LOGGED_CHARS: usize = 1024;

/// What a door's stack bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StackLimits {
    /// Requests worked on at once; further ones are turned away.
    pub at_once: usize,
    /// Of these, the requests of one client address. A cluster or all of CI may be
    /// behind one.
    pub at_once_per_address: usize,
    /// Time from a request's head to the head of its answer.
    pub deadline: Duration,
    /// Whether answers are worth a line of the log at `info`: those to probes are not.
    pub logged: bool,
    /// Whether a trace goes on that a client's `traceparent` names; else each request
    /// begins its own.
    pub continues_traces: bool,
}

impl StackLimits {
    /// Pulls that wait for an upstream or for judgement, for each listener: far fewer
    /// than its connections, which are there for running transfers and for what is
    /// answered from memory. containerd gives up on an answer after 30 s.
    pub const REGISTRY: Self = Self::new(2048, 1536, Duration::from_secs(25));

    /// Reviews, each of which may wait for an upstream. An API server sends some
    /// hundreds at once, and waits for 30 s at most. A review has a deadline of its
    /// own that is shorter, so this one is met by none that gets its turn.
    pub const WEBHOOK: Self = Self::new(8192, 8192, Duration::from_secs(30));

    /// Agents on nodes, most of which wait for news for up to 30 s. A whole cluster may be
    /// behind one address.
    pub const AGENTS: Self = Self {
        logged: false,
        ..Self::new(8192, 8192, Duration::from_secs(60))
    };

    /// Requests of CI and people; the time includes that of a report's upload.
    pub const ADMIN: Self = Self::new(64, 48, Duration::from_secs(60));

    /// Probes and scrapers: few, and answered from memory.
    pub const OPS: Self = Self {
        logged: false,
        ..Self::new(64, 48, Duration::from_secs(10))
    };

    const fn new(at_once: usize, at_once_per_address: usize, deadline: Duration) -> Self {
        Self {
            at_once,
            at_once_per_address,
            deadline,
            logged: true,
            continues_traces: false,
        }
    }
}

/// What answers the requests of a listener, and how it words what its stack refuses.
pub trait Handler<B>: Send + Sync + 'static {
    type Body: http_body::Body + Default + Send;

    /// What its requests pass; one for all connections of a listener.
    fn stack(&self) -> &Stack;

    /// Answers a request.
    fn answer(&self, request: Request<B>) -> impl Future<Output = Response<Self::Body>> + Send;

    /// Turns a request away for which there is no place. It must cost little; it may
    /// read the body, since some clients need something of it in the answer.
    fn overloaded(&self, request: Request<B>) -> impl Future<Output = Response<Self::Body>> + Send;

    /// Answers a request that was not answered by the deadline.
    fn too_slow(&self) -> Response<Self::Body>;
}

/// What the requests of one listener share.
pub struct Stack {
    listener: Arc<str>,
    ids: RequestIds,
    places: Semaphore,
    shares: Arc<Shares>,
    limits: StackLimits,
}

impl Stack {
    /// `listener` is what the log calls it.
    pub fn new(listener: impl Into<Arc<str>>, limits: StackLimits) -> Self {
        Self {
            listener: listener.into(),
            ids: RequestIds::new(),
            places: Semaphore::new(limits.at_once),
            shares: Shares::new(limits.at_once_per_address),
            limits,
        }
    }

    /// Answers a request of `peer`, always: with what `door` says, in time.
    ///
    /// The door finds the [`Peer`] in the request's extensions.
    pub async fn serve<D, B>(
        &self,
        door: &D,
        peer: &Peer,
        mut request: Request<B>,
    ) -> Response<D::Body>
    where
        D: Handler<B>,
    {
        let started = Instant::now();
        let head_only = request.method() == Method::HEAD;
        request.extensions_mut().insert(peer.clone());
        // 1. The request id.
        let id = self.ids.issue();
        // 2. The span.
        let span = self.span(&request, peer, id);
        let traced = self.trace(&request, peer, id);
        let trace = traced.clone();
        async {
            // 4. The deadline, around whatever is done for the request.
            let answered = tokio::time::timeout(self.limits.deadline, async {
                match self.place(peer) {
                    // 6. A place within the concurrency limit.
                    Some(_place) => door.answer(request).await,
                    // 5. Load shedding.
                    None => door.overloaded(request).await,
                }
            });
            let answer = answered.await.unwrap_or_else(|_| door.too_slow());
            // 3. The line of the log.
            self.log(answer.status(), started.elapsed());
            trace.record("http.response.status_code", answer.status().as_u16());
            finished(answer, id, head_only)
        }
        .instrument(span)
        .instrument(traced)
        .await
    }

    fn place(&self, peer: &Peer) -> Option<(Share, SemaphorePermit<'_>)> {
        let share = self.shares.take(peer.address.ip()).ok()?;
        Some((share, self.places.try_acquire().ok()?))
    }

    fn span<B>(&self, request: &Request<B>, peer: &Peer, id: RequestId) -> Span {
        tracing::info_span!(
            "request",
            request.id = %id,
            http.method = shown(request.method().as_str()),
            url.path = shown(request.uri().path()),
            client.address = %peer.address,
            client.certificate = peer.certificate.as_deref().map(shown),
            listener = &*self.listener,
        )
    }

    /// The first span of the request's trace; what is answered from memory has none.
    fn trace<B>(&self, request: &Request<B>, peer: &Peer, id: RequestId) -> Span {
        let span = trace_span!(
            "request",
            otel.kind = "server",
            request.id = %id,
            http.request.method = shown(request.method().as_str()),
            url.path = shown(request.uri().path()),
            client.address = %peer.address.ip(),
            listener = &*self.listener,
            http.response.status_code = tracing::field::Empty,
        );
        if self.limits.continues_traces {
            go_on(&span, request.headers());
        }
        span
    }

    fn log(&self, status: http::StatusCode, took: Duration) {
        let status = status.as_u16();
        let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        if self.limits.logged {
            tracing::info!(http.status = status, duration_ms, "answered");
        } else {
            tracing::debug!(http.status = status, duration_ms, "answered");
        }
    }
}

fn shown(text: &str) -> String {
    printable(text, MAX_LOGGED_CHARS)
}

fn finished<R>(mut answer: Response<R>, id: RequestId, head_only: bool) -> Response<R>
where
    R: http_body::Body + Default,
{
    if let Ok(value) = HeaderValue::try_from(id.to_string()) {
        answer.headers_mut().insert(REQUEST_ID, value);
    }
    if head_only {
        without_body(answer)
    } else {
        answer
    }
}

/// The answer to a HEAD: the head of the answer to a GET, and no body (RFC 9110, 9.3.2).
pub fn without_body<R: http_body::Body + Default>(answer: Response<R>) -> Response<R> {
    let (mut parts, body) = answer.into_parts();
    if !parts.headers.contains_key(CONTENT_LENGTH)
        && let Some(length) = body.size_hint().exact()
    {
        parts
            .headers
            .insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    Response::from_parts(parts, R::default())
}

#[cfg(test)]
mod tests;
