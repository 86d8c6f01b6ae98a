//! The client of one registry: budget, retries, authorisation and redirects of a call.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use reqwest::Response;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use url::Url;

use crate::metrics::{Metrics, UpstreamCause};
use crate::oci::{RegistryHost, RepositoryName};
use crate::replica_count::ReplicaCount;

use super::allowed_hosts::same_authority;
use super::api_root::ApiRoot;
use super::credential_source::HeldCredentials;
use super::health::{CallKind, HealthSign, Page};
use super::last_seen::{LastSeen, UpstreamCondition};
use super::token::Tokens;
use super::transport::Transport;
use super::upstream_metrics::UpstreamMetrics;
use super::without_head::WithoutHead;
use super::{ConfigError, Network, UpstreamCredentials, UpstreamError, UpstreamOptions, answer};

/// Redirects followed in a row.
const MAX_REDIRECTS: usize = 5;
/// How long a transfer waits for its place. Those before it send all the time, or are given
/// up: so its turn comes, however long a large layer takes.
const MAX_TRANSFER_WAIT: Duration = Duration::from_mins(10);

/// The client of one remote registry. Cloning shares it.
#[derive(Clone)]
pub struct Upstream(Arc<Inner>, Purpose);

/// What is asked for, and out of which budget.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Serving,
    Judging,
}

struct Inner {
    config: UpstreamOptions,
    root: ApiRoot,
    transport: Arc<Transport>,
    tokens: Tokens,
    last_seen: LastSeen,
    calls: Arc<Semaphore>,
    transfers: Arc<Semaphore>,
    readings: Arc<Semaphore>,
    without_head: WithoutHead,
}

/// What a call takes from its upstream's budget.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum BudgetShare {
    Call,
    /// A long one, held until the body has ended.
    Transfer,
    /// What judgement rests on: neither clients' calls nor their layers hold it up.
    Reading,
}

/// One call, sent as often as it takes.
pub(super) struct UpstreamCall {
    pub method: Method,
    pub url: Url,
    /// What is asked for, whatever its URL.
    pub page: Page,
    pub headers: HeaderMap,
    pub share: BudgetShare,
    /// Whether redirects are followed. If not, one to where it could be is the answer.
    pub redirects: bool,
}

/// A good answer, with the share of the budget that its body holds.
pub(super) struct UpstreamResponse {
    pub response: Response,
    _permit: OwnedSemaphorePermit,
}

impl Upstream {
    /// Sets up the client; nothing is sent yet.
    ///
    /// # Errors
    /// [`ConfigError`] where address, authorities or credentials cannot be used.
    pub fn new(
        config: UpstreamOptions,
        network: &Network,
        metrics: Metrics,
    ) -> Result<Self, ConfigError> {
        config.check()?;
        let metrics_of = UpstreamMetrics::new(metrics, config.name.as_str());
        let transport = Arc::new(Transport::new(&config, network, metrics_of)?);
        let root = ApiRoot::new(&config.url);
        let budget = || Arc::new(Semaphore::new(config.max_concurrent.max(1)));
        let credentials = HeldCredentials::new(config.name.clone(), config.credentials.as_ref());
        let inner = Inner {
            tokens: Tokens::new(transport.clone(), root.clone(), credentials),
            root,
            last_seen: LastSeen::default(),
            calls: budget(),
            transfers: budget(),
            readings: budget(),
            without_head: WithoutHead::new(),
            transport,
            config,
        };
        Ok(Self(Arc::new(inner), Purpose::Serving))
    }

    /// The same upstream, asked for what judgement rests on, out of a budget of its
    /// own.
    pub fn judging(&self) -> Self {
        Self(self.0.clone(), Purpose::Judging)
    }

    /// The host in image names.
    pub fn name(&self) -> &RegistryHost {
        &self.0.config.name
    }

    /// Shows other credentials from now on, also where a token is asked for.
    pub fn replace_credentials(&self, credentials: &UpstreamCredentials) {
        self.0.tokens.replace_credentials(credentials);
    }

    /// How many replicas share what this registry may be asked.
    pub fn replicas(&self) -> &ReplicaCount {
        &self.0.config.replicas
    }

    /// The segment under the gateway.
    pub fn path(&self) -> &str {
        &self.0.config.path
    }

    /// What clients of the upstream's own write behind its host, for `name`.
    pub fn client_name(&self, name: &RepositoryName) -> String {
        self.0.root.client_name(name)
    }

    /// How it was last seen.
    pub fn condition(&self, now: Instant) -> UpstreamCondition {
        let rest = self.0.transport.health.rest(&self.0.config.url, now);
        self.0.last_seen.condition(rest, now)
    }

    /// Notes what came of a call, for the status and metrics: each verb once, in the end.
    pub(super) fn noted<T>(&self, outcome: Result<T, UpstreamError>) -> Result<T, UpstreamError> {
        self.0.last_seen.note(&outcome, self.metrics_of());
        outcome
    }

    /// Notes a failure that showed only in what it sent.
    pub fn note_failure(&self, error: &UpstreamError) {
        let failed = Err::<(), _>(error.clone());
        self.0.last_seen.note(&failed, self.metrics_of());
    }

    pub(super) fn without_head(&self) -> &WithoutHead {
        &self.0.without_head
    }

    pub(super) fn config(&self) -> &UpstreamOptions {
        &self.0.config
    }

    pub(super) fn metrics_of(&self) -> &UpstreamMetrics {
        &self.0.transport.metrics_of
    }

    /// A call to `/v2/<repository>/<rest>`.
    pub(super) fn to(
        &self,
        method: Method,
        repository: &RepositoryName,
        rest: &str,
    ) -> Result<UpstreamCall, UpstreamError> {
        let page = Page {
            kind: kind(&method, rest),
            repository: repository.clone(),
            path: rest.into(),
        };
        let url = self.0.root.url(repository, rest);
        let mut headers = HeaderMap::new();
        let identity = HeaderValue::from_static("identity");
        headers.insert(header::ACCEPT_ENCODING, identity);
        Ok(UpstreamCall {
            method,
            url: url.map_err(|_| UpstreamError::protocol("no URL for this name"))?,
            page,
            headers,
            share: BudgetShare::Call,
            redirects: true,
        })
    }

    /// Sends `call` until it is answered well, answered for good, or its tries
    /// or its time are spent. The wait for the budget is part of that time, but for a
    /// transfer: what it waits for may rightly take longer than any call.
    pub(super) async fn send(
        &self,
        call: &UpstreamCall,
    ) -> Result<UpstreamResponse, UpstreamError> {
        let inner = &self.0;
        inner.check_health(call)?;
        let share = match self.1 {
            Purpose::Serving => call.share,
            Purpose::Judging => BudgetShare::Reading,
        };
        let in_time = Instant::now() + inner.config.timeouts.call;
        let (permit, deadline) = match share {
            BudgetShare::Transfer => {
                let turn = Instant::now() + MAX_TRANSFER_WAIT;
                let permit = inner.permit(share, turn).await?;
                (permit, Instant::now() + inner.config.timeouts.call)
            }
            BudgetShare::Call | BudgetShare::Reading => {
                (inner.permit(share, in_time).await?, in_time)
            }
        };
        let outcome = timeout_at(deadline, inner.tries(call, deadline)).await;
        let late = |_| Err(timed_out("no answer in time"));
        let response = outcome.unwrap_or_else(late)?;
        Ok(UpstreamResponse {
            response,
            _permit: permit,
        })
    }

    /// Reads an answer's body of at most `limit` bytes, in as much time as a
    /// call may take.
    pub(super) async fn body(
        &self,
        answer: UpstreamResponse,
        limit: u64,
    ) -> Result<bytes::Bytes, UpstreamError> {
        let within = self.0.config.timeouts.call;
        match timeout(within, answer::read(answer.response, limit)).await {
            Ok(body) => body,
            Err(_) => Err(timed_out("the body did not end in time")),
        }
    }
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Upstream({})", self.name())
    }
}

impl Inner {
    async fn permit(
        &self,
        share: BudgetShare,
        deadline: Instant,
    ) -> Result<OwnedSemaphorePermit, UpstreamError> {
        let budget = match share {
            BudgetShare::Call => &self.calls,
            BudgetShare::Transfer => &self.transfers,
            BudgetShare::Reading => &self.readings,
        };
        let places = self.places_of_one_call();
        match timeout_at(deadline, budget.clone().acquire_many_owned(places)).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => {
                let detail = "too many calls to it are under way";
                Err(UpstreamError::unavailable(UpstreamCause::Busy, detail))
            }
        }
    }

    /// A call takes its own place, and those of its like at the other replicas.
    fn places_of_one_call(&self) -> u32 {
        let all = u32::try_from(self.config.max_concurrent).unwrap_or(u32::MAX);
        self.config.replicas.get().min(all.max(1))
    }

    async fn tries(
        &self,
        call: &UpstreamCall,
        deadline: Instant,
    ) -> Result<Response, UpstreamError> {
        let mut attempt = 0;
        loop {
            self.check_health(call)?;
            let outcome = self.attempt(call).await;
            let health = &self.transport.health;
            let sign = match &outcome {
                // Nothing was asked of the page.
                Err(UpstreamError::RateLimited { .. }) => HealthSign::Unclear,
                outcome => HealthSign::of(outcome),
            };
            health.saw_page(&call.page, sign, Instant::now());
            let partial = call.headers.contains_key(header::RANGE);
            // The request came too slowly: no outage, and another may be quicker.
            let slow = StatusCode::REQUEST_TIMEOUT;
            let again = outcome.as_ref().is_ok_and(|it| it.status() == slow);
            let accept = |response| answer::accept(response, &call.method, partial);
            let error = match outcome.and_then(accept) {
                Err(error) if error.cause() == Some(UpstreamCause::LeftAlone) => return Err(error),
                Err(error) if again || error.is_transient() => error,
                settled => return settled,
            };
            let pause = self.config.retries.pause(attempt, error.retry_after());
            let Some(pause) = pause else {
                return Err(error);
            };
            attempt += 1;
            if attempt >= self.config.retries.tries || Instant::now() + pause >= deadline {
                return Err(error);
            }
            sleep(pause).await;
        }
    }

    /// Fails fast while the page, its repository or the host is left alone.
    fn check_health(&self, call: &UpstreamCall) -> Result<(), UpstreamError> {
        let (health, now) = (&self.transport.health, Instant::now());
        let limits = &self.transport.rate_limits;
        limits.check(call.page.kind, &call.url, now)?;
        health.check_page(&call.page, now)?;
        health.check_host(call.page.kind, &call.url, now)
    }

    /// One try: with what was wanted last time, and once more if challenged. A listed
    /// host that a redirect led to may want a token too, and gets an anonymous one.
    async fn attempt(&self, call: &UpstreamCall) -> Result<Response, UpstreamError> {
        let (name, tokens) = (&call.page.repository, &self.tokens);
        let known = tokens.known(name).await?;
        let mut response = self.follow(call, &call.url, known.clone()).await?;
        if is_challenge(&response) && same_authority(response.url(), &call.url) {
            let asked = tokens.answer(name, response.headers(), known.as_ref());
            let answer = asked.await?;
            response = self.follow(call, &call.url, Some(answer)).await?;
        }
        if is_challenge(&response) && !same_authority(response.url(), &call.url) {
            return self.attempt_elsewhere(call, response).await;
        }
        Ok(response)
    }

    /// Answers the `challenge` of another host: with a token that is known, and with a
    /// fresh one where that is refused.
    async fn attempt_elsewhere(
        &self,
        call: &UpstreamCall,
        mut challenge: Response,
    ) -> Result<Response, UpstreamError> {
        let at = challenge.url().clone();
        let mut refused = None;
        for _ in 0..2 {
            let (name, headers) = (&call.page.repository, challenge.headers());
            let asked = self.tokens.anonymous(name, headers, &at, refused.as_ref());
            let token = asked.await?;
            challenge = self.follow(call, &at, Some(token.clone())).await?;
            if !is_challenge(&challenge) {
                break;
            }
            refused = Some(token);
        }
        Ok(challenge)
    }

    /// Sends the request to `start`, and again where redirects lead. The authorisation
    /// goes to the authority of `start` alone, and not even there once a redirect has
    /// left it.
    async fn follow(
        &self,
        call: &UpstreamCall,
        start: &Url,
        mut authorization: Option<HeaderValue>,
    ) -> Result<Response, UpstreamError> {
        let mut url = start.clone();
        for _ in 0..=MAX_REDIRECTS {
            let headers = with(&call.headers, authorization.as_ref());
            let asked = (call.page.kind, &call.page.repository);
            let response = self.transport.ask(asked, &call.method, &url, headers);
            let response = response.await?;
            let Some(next) = redirection(&response, &url)? else {
                return Ok(response);
            };
            self.transport.allowed_hosts.check_redirect(&url, &next)?;
            if !call.redirects {
                return Ok(response);
            }
            authorization = authorization.filter(|_| same_authority(&url, &next));
            url = next;
        }
        Err(UpstreamError::protocol("it redirects more than five times"))
    }
}

/// The kind of a call by its path behind the repository.
fn kind(method: &Method, rest: &str) -> CallKind {
    let by_head = *method == Method::HEAD;
    match rest.split('/').next() {
        Some("manifests") if by_head => CallKind::ManifestHead,
        Some("manifests") => CallKind::Manifest,
        Some("blobs") if by_head => CallKind::BlobHead,
        Some("blobs") => CallKind::Blob,
        _ => CallKind::List,
    }
}

fn is_challenge(response: &Response) -> bool {
    response.status() == StatusCode::UNAUTHORIZED
}

fn timed_out(detail: &'static str) -> UpstreamError {
    UpstreamError::unavailable(UpstreamCause::TimedOut, detail)
}

fn with(headers: &HeaderMap, authorization: Option<&HeaderValue>) -> HeaderMap {
    let mut headers = headers.clone();
    if let Some(authorization) = authorization {
        headers.insert(header::AUTHORIZATION, authorization.clone());
    }
    headers
}

fn redirection(response: &Response, from: &Url) -> Result<Option<Url>, UpstreamError> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let location = response.headers().get(header::LOCATION);
    let text = location.and_then(|location| location.to_str().ok());
    let next = text.and_then(|text| from.join(text).ok());
    let wrong = || UpstreamError::protocol("it redirects to no URL");
    next.map(Some).ok_or_else(wrong)
}
