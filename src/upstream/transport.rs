//! One request and the head of its answer: timed, counted, its failure named.

use std::hash::Hash;
use std::time::Duration;

use http::{HeaderMap, Method};
use reqwest::Response;
use tokio::time::{Instant, timeout};
use tracing::{Instrument, Span};
use url::{Host, Url};

use crate::http_client::causes;
use crate::metrics::UpstreamCause;
use crate::spans::{TRACEPARENT, trace_span, traceparent};

use super::allowed_hosts::{AllowedHosts, refused, same_authority};
use super::health::{CallKind, Health, HealthSign};
use super::rate_limit::RateLimits;
use super::resolver::{GuardedResolver, PrivateAddress};
use super::upstream_metrics::UpstreamMetrics;
use super::{ConfigError, HostRefusal, Network, TlsFault, UpstreamError, UpstreamOptions};

/// The HTTP transport to one upstream, its token server and its blob hosts.
pub(super) struct Transport {
    client: reqwest::Client,
    /// Where a proxy resolves names: what it may be asked for.
    proxy_guard: Option<GuardedResolver>,
    pub(super) allowed_hosts: AllowedHosts,
    pub(super) metrics_of: UpstreamMetrics,
    pub(super) health: Health,
    pub(super) rate_limits: RateLimits,
    /// Time for the head of one answer.
    head: Duration,
    /// The registry that is told which trace asks: no other host is.
    told_of_traces: Option<Url>,
}

impl Transport {
    pub(super) fn new(
        config: &UpstreamOptions,
        network: &Network,
        metrics_of: UpstreamMetrics,
    ) -> Result<Self, ConfigError> {
        let allowed = AllowedHosts::new(&config.url, &config.token_hosts, &config.redirect_hosts);
        Ok(Self {
            client: network.client(config, &allowed)?,
            proxy_guard: network.guard(config, &allowed),
            allowed_hosts: allowed,
            metrics_of,
            health: Health::new(config.cool_down),
            rate_limits: RateLimits::new(config.retries.max_pause),
            head: config.timeouts.head,
            told_of_traces: config.traceparent.then(|| config.url.clone()),
        })
    }

    /// Sends one request to a host that is not left alone for this kind of call.
    /// `asker` tells what is asked for from the rest that this host gives.
    pub(super) async fn ask(
        &self,
        (kind, asker): (CallKind, &impl Hash),
        method: &Method,
        url: &Url,
        headers: HeaderMap,
    ) -> Result<Response, UpstreamError> {
        self.health.check_host(kind, url, Instant::now())?;
        self.rate_limits.check(kind, url, Instant::now())?;
        let outcome = self.send(method, url, headers).await;
        if let Ok(answer) = &outcome {
            self.rate_limits.saw(kind, url, answer, Instant::now());
        }
        let sign = HealthSign::of(&outcome);
        self.health.saw_host(kind, url, asker, sign, Instant::now());
        outcome
    }

    /// Sends one request without a body. Where it goes was checked before;
    /// the address it resolves to is checked here.
    async fn send(
        &self,
        method: &Method,
        url: &Url,
        mut headers: HeaderMap,
    ) -> Result<Response, UpstreamError> {
        let span = trace_span!(
            "upstream request",
            otel.kind = "client",
            http.request.method = %method,
            server.address = url.host_str(),
            url.path = url.path(),
            http.response.status_code = tracing::field::Empty,
            error.type = tracing::field::Empty,
        );
        let told = self.told_of_traces.as_ref();
        if told.is_some_and(|told| same_authority(told, url))
            && let Some(named) = traceparent(&span)
        {
            headers.insert(TRACEPARENT, named);
        }
        let outcome = self.send_once(method, url, headers);
        let outcome = outcome.instrument(span.clone()).await;
        note_in(&span, &outcome);
        outcome
    }

    async fn send_once(
        &self,
        method: &Method,
        url: &Url,
        headers: HeaderMap,
    ) -> Result<Response, UpstreamError> {
        let begun = Instant::now();
        self.check_behind_proxy(url).await?;
        let request = self.client.request(method.clone(), url.clone());
        let outcome = match timeout(self.head, request.headers(headers).send()).await {
            Ok(answer) => answer.map_err(|error| self.failure(&error, url)),
            Err(_) => {
                let detail = "no answer in time";
                Err(UpstreamError::unavailable(UpstreamCause::TimedOut, detail))
            }
        };
        let status = outcome
            .as_ref()
            .map_or(0, |answer| answer.status().as_u16());
        self.metrics_of.request(method, status, begun.elapsed());
        if let Ok(answer) = &outcome {
            self.metrics_of.rate_limit(answer.headers());
        }
        outcome
    }
}

impl Transport {
    async fn check_behind_proxy(&self, url: &Url) -> Result<(), UpstreamError> {
        let (Some(guard), Some(Host::Domain(name))) = (&self.proxy_guard, url.host()) else {
            return Ok(());
        };
        let checked = timeout(self.head, guard.check(name)).await;
        let private = matches!(checked, Ok(Err(PrivateAddress)));
        match private {
            true => Err(refused(url, HostRefusal::PrivateAddress)),
            false => Ok(()),
        }
    }

    /// Names a failure in our own words: the library's may hold the upstream's,
    /// from its certificate for one.
    fn failure(&self, error: &reqwest::Error, url: &Url) -> UpstreamError {
        let private = causes(error).any(|cause| cause.is::<PrivateAddress>());
        if private {
            return refused(url, HostRefusal::PrivateAddress);
        }
        let tls = causes(error).find_map(|cause| cause.downcast_ref::<rustls::Error>());
        if let Some(tls) = tls {
            return UpstreamError::Tls(TlsFault::of(tls));
        }
        let (cause, detail) = what_failed(error, self.proxy_guard.is_some());
        UpstreamError::unavailable(cause, detail)
    }
}

fn note_in(span: &Span, outcome: &Result<Response, UpstreamError>) {
    match outcome {
        Ok(answer) => span.record("http.response.status_code", answer.status().as_u16()),
        Err(error) => {
            let cause = error.cause().map_or("refused", UpstreamCause::as_str);
            span.record("error.type", cause)
        }
    };
}

fn what_failed(error: &reqwest::Error, proxied: bool) -> (UpstreamCause, &'static str) {
    let causes = || causes(error);
    let tunnel = causes().map(ToString::to_string);
    let tunnel = tunnel
        .filter(|text| text.starts_with("tunnel error"))
        .last();
    if let Some(tunnel) = tunnel {
        let detail = match tunnel.contains("authorization") {
            true => "its proxy wants other credentials",
            false => "its proxy does not lead to it",
        };
        (UpstreamCause::Proxy, detail)
    } else if causes().any(|cause| cause.is::<hickory_resolver::net::NetError>()) {
        (UpstreamCause::Unreachable, "its name does not resolve")
    } else if error.is_connect() && error.is_timeout() {
        (UpstreamCause::Unreachable, "no connection in time")
    } else if error.is_connect() && proxied {
        let detail = "it, or its proxy, cannot be connected to";
        (UpstreamCause::Unreachable, detail)
    } else if error.is_connect() {
        (UpstreamCause::Unreachable, "it cannot be connected to")
    } else if error.is_timeout() {
        (UpstreamCause::TimedOut, "no answer in time")
    } else {
        (UpstreamCause::BrokenOff, "the connection broke")
    }
}
