//! Metrics of one upstream.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Method};

use crate::metrics::{
    Metrics, UpstreamCause, UpstreamFailureLabels, UpstreamLabels, UpstreamMethod,
    UpstreamRequestLabels,
};

/// The metrics of one upstream.
pub(super) struct UpstreamMetrics {
    metrics: Metrics,
    upstream: Arc<str>,
}

impl UpstreamMetrics {
    pub(super) fn new(metrics: Metrics, upstream: &str) -> Self {
        let upstream = Arc::from(upstream);
        Self { metrics, upstream }
    }

    /// One request was answered with `status`; 0 where no answer came.
    pub(super) fn request(&self, method: &Method, status: u16, took: Duration) {
        let labels = UpstreamRequestLabels {
            upstream: self.upstream.clone(),
            method: match *method == Method::HEAD {
                true => UpstreamMethod::Head,
                false => UpstreamMethod::Get,
            },
            status,
        };
        self.metrics.upstream_requests.get_or_create(&labels).inc();
        if status != 0 {
            self.metrics.upstream_seconds.observe(took.as_secs_f64());
        }
    }

    /// A call came to nothing.
    pub(super) fn failure(&self, cause: UpstreamCause) {
        let labels = UpstreamFailureLabels {
            upstream: self.upstream.clone(),
            cause,
        };
        self.metrics.upstream_failures.get_or_create(&labels).inc();
    }

    /// Remembers Docker Hub's `ratelimit-remaining: 76;w=21600`.
    pub(super) fn rate_limit(&self, headers: &HeaderMap) {
        let value = headers.get("ratelimit-remaining");
        let text = value.and_then(|value| value.to_str().ok());
        let count = text.and_then(|text| text.split(';').next()?.trim().parse().ok());
        if let Some(count) = count {
            let gauges = &self.metrics.upstream_rate_limit_remaining;
            gauges.get_or_create(&self.labels()).set(count);
        }
    }

    /// A tag was answered from memory, its upstream being unreachable.
    pub(super) fn stale_tag(&self) {
        let counters = &self.metrics.stale_tags;
        counters.get_or_create(&self.labels()).inc();
    }

    fn labels(&self) -> UpstreamLabels {
        let upstream = self.upstream.clone();
        UpstreamLabels { upstream }
    }
}
