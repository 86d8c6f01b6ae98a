//! The service of one connection: a path, a body, an answer.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use jiff::Timestamp;
use tokio::sync::Semaphore;

use super::answer::{Judged, allowed, bad_request, refused};
use super::cluster::{Cluster, NamespaceRule};
use super::deadline::Deadline;
use super::name::NamedImage;
use super::review::{
    API_VERSION, AdmissionRequest, AdmissionResponse, AdmissionReview, KIND, ReviewAnswer,
};
use super::uid::uid_of;
use crate::access::{Principal, Role, Scope};
use crate::gate::{Admission, Asker, Gate, Target};
use crate::http::{Body, Peer, Received, receive};
use crate::kubernetes::client::DeniedPod;
use crate::kubernetes::exposure::Owner;
use crate::metrics::{AdmissionLabels, Metrics};
use crate::oci::printable;
use crate::trust::Place;

/// The longest review that is read, in bytes: two objects of the API server's
/// largest, and room.
const LIMIT: usize = 8 << 20;
/// Bodies held in memory at once, in KiB; read, each takes some times its length.
const HELD_KIB: usize = 128 << 10;
/// Images judged at once; further ones wait until their deadline. Far more than are
/// worked on: most of them would wait for an upstream that hangs.
const JUDGED_AT_ONCE: usize = 8192;

/// The door, shared by its connections.
pub struct Webhook {
    pub(super) gate: Arc<Gate>,
    pub(super) clusters: BTreeMap<Arc<str>, Cluster>,
    pub(super) turns: Semaphore,
    held: Semaphore,
    metrics: Metrics,
}

/// Which of a cluster's webhooks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hook {
    Mutate,
    Validate,
}

impl Hook {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Mutate => "mutate",
            Self::Validate => "validate",
        }
    }
}

/// One review, read.
pub(super) struct Call<'a> {
    pub(super) webhook: &'a Webhook,
    pub(super) cluster: &'a Cluster,
    pub(super) request: AdmissionRequest,
    pub(super) deadline: Deadline,
    asker: Asker,
    now: Timestamp,
    started: Instant,
}

impl Webhook {
    pub fn new(gate: Arc<Gate>, clusters: Vec<Cluster>, metrics: Metrics) -> Self {
        Self {
            gate,
            clusters: clusters
                .into_iter()
                .map(|cluster| (cluster.name.clone(), cluster))
                .collect(),
            turns: Semaphore::new(JUDGED_AT_ONCE),
            held: Semaphore::new(HELD_KIB),
            metrics,
        }
    }

    /// The service of a new connection.
    pub fn connection(self: &Arc<Self>, peer: Peer) -> Service {
        Service {
            webhook: self.clone(),
            client: peer.address.ip(),
        }
    }

    /// `/clusters/<name>/mutate` or `/clusters/<name>/validate`.
    fn route(&self, path: &str) -> Option<(&Cluster, Hook)> {
        let (name, hook) = path.strip_prefix("/clusters/")?.split_once('/')?;
        let hook = match hook {
            "mutate" => Hook::Mutate,
            "validate" => Hook::Validate,
            _ => return None,
        };
        Some((self.clusters.get(name)?, hook))
    }

    async fn answer<B>(&self, parts: &Parts, body: B, client: IpAddr) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes>,
    {
        let (started, now) = (Instant::now(), Timestamp::now());
        let Some((cluster, hook)) = self.route(parts.uri.path()) else {
            let text =
                "no such webhook; there are /clusters/NAME/mutate and /clusters/NAME/validate";
            return plain(StatusCode::NOT_FOUND, text);
        };
        if parts.method != Method::POST {
            return plain(
                StatusCode::METHOD_NOT_ALLOWED,
                "an AdmissionReview is POSTed",
            );
        }
        let deadline = Deadline::new(started, parts.uri.query());
        let asked = Asked {
            cluster,
            hook,
            deadline,
            client,
            now,
            started,
        };
        let received = receive(body, LIMIT, &self.held, deadline.answer).await;
        let answer = match received {
            Received::Whole(bytes, _held) => self.review(&asked, &bytes).await,
            Received::TooLong(beginning) => too_long(&beginning),
            Received::NoRoom(beginning) => overloaded(&beginning, hook),
            Received::Broken => Err("the body broke off"),
        };
        self.observe(&asked, answer.as_ref().ok());
        match answer {
            Ok(response) => json(&ReviewAnswer::new(response)),
            Err(why) => plain(StatusCode::BAD_REQUEST, why),
        }
    }

    /// Answers what can be answered with the uid; else says what is wrong.
    async fn review(
        &self,
        asked: &Asked<'_>,
        bytes: &[u8],
    ) -> Result<AdmissionResponse, &'static str> {
        let review: AdmissionReview = match serde_json::from_slice(bytes) {
            Ok(review) => review,
            Err(error) => {
                let uid = uid_of(bytes).ok_or("the body is no AdmissionReview")?;
                return Ok(bad_request(
                    &uid,
                    &format!("the review cannot be read: {error}"),
                ));
            }
        };
        if review.api_version != API_VERSION || review.kind != KIND {
            return Err("the body is no AdmissionReview of admission.k8s.io/v1");
        }
        let call = Call {
            webhook: self,
            cluster: asked.cluster,
            asker: asker(asked, &review.request),
            request: review.request,
            deadline: asked.deadline,
            now: asked.now,
            started: asked.started,
        };
        Ok(match asked.hook {
            Hook::Mutate => call.mutate().await,
            Hook::Validate => call.validate().await,
        })
    }

    fn observe(&self, asked: &Asked<'_>, answer: Option<&AdmissionResponse>) {
        let verdict = match answer {
            Some(answer) if answer.allowed => "allowed",
            Some(answer) => match &answer.status {
                Some(status) if status.code == 403 => "denied",
                _ => "unanswered",
            },
            None => "unanswered",
        };
        let labels = AdmissionLabels {
            cluster: asked.cluster.name.clone(),
            webhook: asked.hook.as_str(),
            verdict,
        };
        let seconds = asked.started.elapsed().as_secs_f64();
        self.metrics
            .admission_seconds
            .get_or_create(&labels)
            .observe(seconds);
    }
}

/// What is known before the body is read.
struct Asked<'a> {
    cluster: &'a Cluster,
    hook: Hook,
    deadline: Deadline,
    client: IpAddr,
    now: Timestamp,
    started: Instant,
}

fn asker(asked: &Asked<'_>, request: &AdmissionRequest) -> Asker {
    let name = printable(&request.user_info.username, 253);
    Asker {
        listener: asked.cluster.listener.clone(),
        principal: Principal::new(&name, Role::Puller, Scope::everything()),
        client: Some(asked.client),
    }
}

fn too_long(beginning: &[u8]) -> Result<AdmissionResponse, &'static str> {
    let uid = uid_of(beginning).ok_or("the review is over 8 MiB")?;
    let message = "sekisho: the review is over 8 MiB; make the object smaller".to_owned();
    Ok(refused(&uid, 413, "RequestEntityTooLarge", message))
}

/// Shed before the deadline. What only rewrites holds nothing up.
fn overloaded(beginning: &[u8], hook: Hook) -> Result<AdmissionResponse, &'static str> {
    let uid = uid_of(beginning).ok_or("overloaded")?;
    let message = "sekisho: undecidable: not a policy denial: too many reviews at once. \
                   Retried automatically";
    Ok(match hook {
        Hook::Mutate => allowed(&uid),
        Hook::Validate => refused(&uid, 503, "ServiceUnavailable", message.to_owned()),
    })
}

impl Call<'_> {
    pub(super) fn rule(&self) -> Option<&NamespaceRule> {
        self.cluster.rule(self.request.namespace())
    }

    pub(super) fn place(&self) -> Place {
        Place {
            cluster: self.cluster.name.clone(),
            namespace: printable(self.request.namespace(), 63).into(),
            workload: self.request.workload().into(),
        }
    }

    pub(super) fn admission<'b>(
        &'b self,
        place: &'b Place,
        reached_by: Option<&'b str>,
    ) -> Admission<'b> {
        Admission {
            asker: &self.asker,
            place,
            mode: self.rule().and_then(|rule| rule.mode),
            reached_by,
            dry_run: self.request.is_dry_run(),
            now: self.now,
            started: self.started,
        }
    }

    pub(super) fn reached_by(&self) -> Option<String> {
        let reached_by = self.cluster.hooks.reached_by.as_ref()?;
        reached_by(self.request.namespace(), self.request.pod())
    }

    /// A ReplicaSet hides why it cannot make its Pods: its owner is told.
    pub(super) fn tell_owner(&self, judged: &[Judged], answer: &AdmissionResponse) {
        let (Some(tell), Some(status)) = (&self.cluster.hooks.on_denied, &answer.status) else {
            return;
        };
        let reason = judged.iter().find_map(|it| it.admitted.denial.as_ref());
        let owner = Owner::of(&self.request.object);
        if let (Some(owner), Some(denial), false) = (owner, reason, self.request.is_dry_run()) {
            let denied = DeniedPod {
                namespace: self.request.namespace().to_owned(),
                owner,
                reason: denial.reason.code().to_owned(),
                message: status.message.clone(),
            };
            tell(denied, self.now);
        }
    }
}

pub(super) fn target(image: &NamedImage) -> Target {
    Target {
        repository: image.repository.clone(),
        namespace: None,
        by_host: false,
    }
}

fn plain(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response
}

fn json(answer: &ReviewAnswer) -> Response<Body> {
    let Ok(text) = serde_json::to_string(answer) else {
        return plain(
            StatusCode::INTERNAL_SERVER_ERROR,
            "no answer could be written",
        );
    };
    let mut response = Response::new(Body::from(text));
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}

/// The service of one connection.
#[derive(Clone)]
pub struct Service {
    webhook: Arc<Webhook>,
    client: IpAddr,
}

impl<B> hyper::service::Service<Request<B>> for Service
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Send,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn call(&self, request: Request<B>) -> Self::Future {
        let (webhook, client) = (self.webhook.clone(), self.client);
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            Ok(webhook.answer(&parts, body, client).await)
        })
    }
}
