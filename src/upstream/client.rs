//! The client of one registry: budget, retries, authorisation and redirects of a call.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use reqwest::Response;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use url::Url;

use crate::metrics::Metrics;
use crate::oci::{RegistryHost, RepositoryName};

use super::allowed_hosts::same_authority;
use super::circuit_breaker::{CircuitBreaker, UpstreamCondition};
use super::retry::retry_after;
use super::token::Tokens;
use super::transport::Transport;
use super::upstream_metrics::UpstreamMetrics;
use super::{ConfigError, Network, UpstreamError, UpstreamOptions, answer};

/// Redirects followed for one blob.
const MAX_REDIRECTS: usize = 5;

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
    transport: Arc<Transport>,
    tokens: Tokens,
    health: CircuitBreaker,
    calls: Arc<Semaphore>,
    transfers: Arc<Semaphore>,
    readings: Arc<Semaphore>,
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
    pub repository: RepositoryName,
    pub headers: HeaderMap,
    pub share: BudgetShare,
    /// Whether redirects may be followed: blobs only.
    pub redirects: bool,
}

/// A good answer, with the share of the budget that its body holds.
pub(super) struct UpstreamResponse {
    pub response: Response,
    _permit: OwnedSemaphorePermit,
}

impl Upstream {
    /// Sets up the client; nothing is sent yet.
    pub fn new(
        mut config: UpstreamOptions,
        network: &Network,
        metrics: Metrics,
    ) -> Result<Self, ConfigError> {
        config.check()?;
        if !config.url.path().ends_with('/') {
            config.url.set_path(&format!("{}/", config.url.path()));
        }
        let metrics_of = UpstreamMetrics::new(metrics, config.name.as_str());
        let transport = Arc::new(Transport::new(&config, network, metrics_of)?);
        let budget = || Arc::new(Semaphore::new(config.max_concurrent.max(1)));
        let inner = Inner {
            tokens: Tokens::new(transport.clone(), config.credentials.as_ref()),
            health: CircuitBreaker::new(config.cool_down),
            calls: budget(),
            transfers: budget(),
            readings: budget(),
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

    /// The segment under the gateway.
    pub fn path(&self) -> &str {
        &self.0.config.path
    }

    /// How it was last seen.
    pub fn condition(&self, now: Instant) -> UpstreamCondition {
        self.0.health.condition(now)
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
        let path = format!("v2/{}/{rest}", repository.as_str());
        let url = self.0.config.url.join(&path);
        let mut headers = HeaderMap::new();
        let identity = HeaderValue::from_static("identity");
        headers.insert(header::ACCEPT_ENCODING, identity);
        Ok(UpstreamCall {
            method,
            url: url.map_err(|_| UpstreamError::protocol("no URL for this name"))?,
            repository: repository.clone(),
            headers,
            share: BudgetShare::Call,
            redirects: false,
        })
    }

    /// Sends `call` until it is answered well, answered for good, or its tries
    /// or its time, the wait for the budget included, are spent.
    pub(super) async fn send(
        &self,
        call: &UpstreamCall,
    ) -> Result<UpstreamResponse, UpstreamError> {
        let inner = &self.0;
        inner.health.check(Instant::now())?;
        let deadline = Instant::now() + inner.config.timeouts.call;
        let share = match self.1 {
            Purpose::Serving => call.share,
            Purpose::Judging => BudgetShare::Reading,
        };
        let permit = inner.permit(share, deadline).await?;
        let outcome = timeout_at(deadline, inner.tries(call, deadline)).await;
        let late = |_| Err(UpstreamError::unavailable("no answer in time"));
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
            Err(_) => Err(UpstreamError::unavailable("the body did not end in time")),
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
        match timeout_at(deadline, budget.clone().acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(UpstreamError::unavailable("its budget is spent")),
        }
    }

    async fn tries(
        &self,
        call: &UpstreamCall,
        deadline: Instant,
    ) -> Result<Response, UpstreamError> {
        let mut attempt = 0;
        loop {
            self.health.check(Instant::now())?;
            let outcome = self.attempt(call).await;
            self.record_outcome(&outcome);
            let partial = call.headers.contains_key(header::RANGE);
            let error = match outcome.and_then(|response| answer::accept(response, partial)) {
                Err(error) if error.is_transient() => error,
                settled => return settled,
            };
            let pause = self.config.retries.pause(attempt, error.retry_after());
            attempt += 1;
            if attempt >= self.config.retries.tries || Instant::now() + pause >= deadline {
                return Err(error);
            }
            sleep(pause).await;
        }
    }

    /// A plain 500 says something of one page, not of the whole upstream.
    fn record_outcome(&self, outcome: &Result<Response, UpstreamError>) {
        let now = Instant::now();
        match outcome {
            Ok(response) => match response.status() {
                StatusCode::INTERNAL_SERVER_ERROR => {}
                StatusCode::TOO_MANY_REQUESTS
                | StatusCode::BAD_GATEWAY
                | StatusCode::SERVICE_UNAVAILABLE
                | StatusCode::GATEWAY_TIMEOUT => {
                    let asked = retry_after(response.headers(), SystemTime::now());
                    self.health.failed(now, asked);
                }
                _ => self.health.succeeded(),
            },
            Err(error) if error.is_transient() => self.health.failed(now, error.retry_after()),
            Err(_) => {}
        }
    }

    /// One try: with what was wanted last time, and once more if challenged.
    async fn attempt(&self, call: &UpstreamCall) -> Result<Response, UpstreamError> {
        let known = self.tokens.known(&call.repository).await?;
        let response = self.follow(call, known.clone()).await?;
        let challenged = response.status() == StatusCode::UNAUTHORIZED
            && same_authority(response.url(), &call.url);
        if !challenged {
            return Ok(response);
        }
        let headers = response.headers();
        let tokens = &self.tokens;
        let answer = tokens
            .answer(&call.repository, headers, known.as_ref())
            .await?;
        self.follow(call, Some(answer)).await
    }

    /// Sends the request, and again where blobs lie elsewhere. Our
    /// authorisation goes to the upstream's own authority alone, and not even
    /// there once a redirect has left it.
    async fn follow(
        &self,
        call: &UpstreamCall,
        mut authorization: Option<HeaderValue>,
    ) -> Result<Response, UpstreamError> {
        let mut url = call.url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let headers = with(&call.headers, authorization.as_ref());
            let response = self.transport.send(&call.method, &url, headers).await?;
            let next = match redirection(&response, &url)? {
                Some(next) if call.redirects => next,
                _ => return Ok(response),
            };
            self.transport.allowed_hosts.check_redirect(&url, &next)?;
            authorization = authorization.filter(|_| same_authority(&url, &next));
            url = next;
        }
        Err(UpstreamError::protocol("it redirects more than five times"))
    }
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
