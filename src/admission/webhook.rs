//! How the door answers: a path, a body, an answer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::request::Parts;
use http::{Method, Request, Response, StatusCode};

use super::answer::{Unjudged, allowed, busy, json, plain};
use super::beginning::request_of;
use super::deadline::Deadline;
use super::door::{ReviewHead, Webhook, WebhookKind};
use super::review::{API_VERSION, AdmissionResponse, AdmissionReview, KIND, ReviewAnswer};
use super::review_call::ReviewCall;
use crate::http::{
    Body, Connection, Handler, Pace, Peer, ReceiveLimits, Received, ReservedBytes, Stack,
    beginning, receive,
};
use crate::metrics::{AdmissionLabels, ReviewVerdict};
use crate::tasks::HeavyWork;

/// The longest review that is read, in bytes: two objects of the API server's
/// largest, and room.
const MAX_REVIEW_BYTES: usize = 8 << 20;
/// A review up to this length is read at once, in bytes: within a millisecond.
const MAX_INLINE_BYTES: usize = 64 << 10;

/// An API server sends a review at once. Who sends on for longer than this holds memory that
/// others need, and so must bring the longest review in its time, whatever that is.
const REVIEW_PACE: Pace = Pace {
    minimum_rate: 256 << 10,
    window: Duration::from_secs(2),
};

const TOO_MANY_REVIEWS: &str = "too many reviews at once";
const INCOMPLETE_REVIEW: &str = "the review did not arrive whole, or not in time";

/// Why a request is no review, for its status line and its body.
type NoReview = (StatusCode, &'static str);

/// A response with the review's uid, or what is wrong with a body without one.
type Reviewed = Result<AdmissionResponse, NoReview>;

const NO_CERTIFICATE: NoReview = (
    StatusCode::FORBIDDEN,
    "the client showed no certificate by the webhook's client_ca; only dry runs are answered",
);

const fn bad(why: &'static str) -> NoReview {
    (StatusCode::BAD_REQUEST, why)
}

impl Webhook {
    /// The service of a new connection.
    pub fn connection(self: &Arc<Self>, peer: Peer) -> Connection<Self> {
        Connection::new(self.clone(), peer)
    }

    /// Reads path, method and time, or says what is wrong with them.
    fn head(&self, parts: &Parts) -> Result<ReviewHead<'_>, NoReview> {
        let found = WebhookKind::of_path(parts.uri.path());
        let found = found.and_then(|(name, kind)| Some((self.clusters.get(name)?, kind)));
        let Some((cluster, kind)) = found else {
            let text =
                "no such webhook; there are /clusters/NAME/mutate and /clusters/NAME/validate";
            return Err((StatusCode::NOT_FOUND, text));
        };
        if parts.method != Method::POST {
            let text = "an AdmissionReview is POSTed";
            return Err((StatusCode::METHOD_NOT_ALLOWED, text));
        }
        let started = Instant::now();
        let peer = parts.extensions.get::<Peer>();
        let is_known = peer.is_some_and(|peer| peer.certificate.is_some());
        let room = self.room(is_known);
        Ok(ReviewHead {
            cluster,
            kind,
            deadline: Deadline::new(started, parts.uri.query(), room.longest_timeout),
            room,
            client: peer.map(|peer| peer.address.ip()),
            is_known,
            now: self.gate.now(),
            started,
        })
    }

    /// Answers what can be answered with the uid; else says what is wrong.
    async fn review(
        &self,
        head: &ReviewHead<'_>,
        bytes: Bytes,
        mut held: ReservedBytes<'_>,
    ) -> Reviewed {
        let review = match read(&head.room.heavy, bytes.clone()).await.map_err(bad)? {
            Ok(review) => review,
            Err(error) => {
                self.check_certificate(head, false)?;
                let call = self
                    .begun(head, &bytes)
                    .ok_or(bad("the body is no AdmissionReview"))?;
                return Ok(unjudged(head, &call, Unjudged::unreadable(&error)));
            }
        };
        if review.api_version != API_VERSION || review.kind != KIND {
            return Err(bad("the body is no AdmissionReview of admission.k8s.io/v1"));
        }
        self.check_certificate(head, review.request.is_dry_run())?;
        drop(bytes);
        let mut call = ReviewCall::new(self, head, review.request);
        call.keep_essence(head.kind);
        held.shrink_to(call.request.weight());
        Ok(match head.kind {
            WebhookKind::Mutate => call.mutate().await,
            WebhookKind::Validate => call.validate().await,
        })
    }

    fn check_certificate(&self, head: &ReviewHead<'_>, is_dry_run: bool) -> Result<(), NoReview> {
        if self.asks_certificates && !head.is_known && !is_dry_run {
            tracing::warn!(client.address = ?head.client, "review without a certificate");
            return Err(NO_CERTIFICATE);
        }
        Ok(())
    }

    /// A review that cannot be judged, as far as its beginning tells what it is of.
    fn begun<'a>(&'a self, head: &'a ReviewHead<'_>, beginning: &[u8]) -> Option<ReviewCall<'a>> {
        let request = request_of(beginning)?;
        Some(ReviewCall::new(self, head, request))
    }

    /// Answers a review that cannot be read now, by what its beginning says.
    fn not_now(&self, head: &ReviewHead<'_>, beginning: &[u8], why: &'static str) -> Reviewed {
        let call = self.begun(head, beginning).ok_or(bad(why))?;
        Ok(unjudged(head, &call, Unjudged::now(why)))
    }

    fn too_long(&self, head: &ReviewHead<'_>, beginning: &[u8]) -> Reviewed {
        self.check_certificate(head, false)?;
        let call = self.begun(head, beginning);
        let call = call.ok_or(bad("the review is over 8 MiB"))?;
        Ok(unjudged(head, &call, Unjudged::too_long()))
    }

    fn finish(&self, head: &ReviewHead<'_>, reviewed: Reviewed) -> Response<Body> {
        self.observe(head, reviewed.as_ref().ok());
        match reviewed {
            Ok(response) => json(&ReviewAnswer::new(response)),
            Err((status, text)) => plain(status, text),
        }
    }

    fn observe(&self, head: &ReviewHead<'_>, answer: Option<&AdmissionResponse>) {
        let verdict = match answer {
            Some(answer) if answer.allowed => ReviewVerdict::Allowed,
            Some(answer) => match &answer.status {
                Some(status) if status.code == 403 => ReviewVerdict::Denied,
                _ => ReviewVerdict::Unanswered,
            },
            None => ReviewVerdict::Unanswered,
        };
        let labels = AdmissionLabels {
            cluster: head.cluster.name.clone(),
            webhook: head.kind.name(),
            verdict,
        };
        let seconds = head.started.elapsed().as_secs_f64();
        let family = &self.metrics.admission_seconds;
        family.get_or_create(&labels).observe(seconds);
    }
}

/// Rewriting is no judgement: what nobody could look at goes on as it is.
fn unjudged(head: &ReviewHead<'_>, call: &ReviewCall<'_>, why: Unjudged) -> AdmissionResponse {
    match head.kind {
        WebhookKind::Mutate => allowed(&call.request.uid),
        WebhookKind::Validate => call.unjudged(why),
    }
}

/// Reads a body; a long one where it holds up no other review.
async fn read(
    heavy: &HeavyWork,
    bytes: Bytes,
) -> Result<serde_json::Result<AdmissionReview>, &'static str> {
    if bytes.len() <= MAX_INLINE_BYTES {
        return Ok(serde_json::from_slice(&bytes));
    }
    let read = move || serde_json::from_slice(&bytes);
    let read = heavy.run(read).await;
    read.map_err(|_| "the review could not be read")
}

impl<B> Handler<B> for Webhook
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Send,
{
    type Body = Body;

    fn stack(&self) -> &Stack {
        &self.stack
    }

    async fn answer(&self, request: Request<B>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let head = match self.head(&parts) {
            Ok(head) => head,
            Err((status, text)) => return plain(status, text),
        };
        let limits = ReceiveLimits {
            bytes: MAX_REVIEW_BYTES,
            deadline: head.deadline.answer,
            pace: Some(REVIEW_PACE),
        };
        let received = receive(body, limits, head.room.bodies.enter(head.client)).await;
        let reviewed = match received {
            Received::Whole(bytes, held) => self.review(&head, bytes.into(), held).await,
            Received::TooLong(beginning) => self.too_long(&head, &beginning),
            Received::NoRoom(beginning) => self.not_now(&head, &beginning, TOO_MANY_REVIEWS),
            Received::Incomplete(beginning) => self.not_now(&head, &beginning, INCOMPLETE_REVIEW),
        };
        self.finish(&head, reviewed)
    }

    /// Reads as much of the body as shows the uid: the API server takes no answer
    /// without it.
    async fn overloaded(&self, request: Request<B>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        match self.head(&parts) {
            Ok(head) => {
                let beginning = beginning(body, head.deadline.answer).await;
                self.finish(&head, self.not_now(&head, &beginning, TOO_MANY_REVIEWS))
            }
            Err((status, text)) => plain(status, text),
        }
    }

    fn too_slow(&self) -> Response<Body> {
        busy()
    }
}
