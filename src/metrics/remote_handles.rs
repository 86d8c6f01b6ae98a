//! Handles of the remote tier of the cache.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;

use super::registration::MetricRegistration;
use super::{
    RemoteBytesLabels, RemoteDropLabels, RemoteFailingLabels, RemoteRequestLabels, meaning,
};

/// A part of the metrics.
#[derive(Clone)]
pub struct RemoteMetrics {
    pub requests: Family<RemoteRequestLabels, Counter>,
    pub bytes: Family<RemoteBytesLabels, Counter>,
    pub dropped: Family<RemoteDropLabels, Counter>,
    pub waiting: Gauge,
    pub lag_seconds: Gauge,
    pub failing: Family<RemoteFailingLabels, Gauge>,
    pub pruned_bytes: Counter,
}

impl RemoteMetrics {
    pub(super) fn new(to: &mut MetricRegistration) -> Self {
        Self {
            requests: to.add("remote_requests", meaning::REMOTE_REQUESTS),
            bytes: to.add("remote_bytes", meaning::REMOTE_BYTES),
            dropped: to.add("remote_dropped", meaning::REMOTE_DROPPED),
            waiting: to.add("remote_waiting", meaning::REMOTE_WAITING),
            lag_seconds: to.add("remote_lag_seconds", meaning::REMOTE_LAG_SECONDS),
            failing: to.add("remote_failing", meaning::REMOTE_FAILING),
            pruned_bytes: to.add("remote_pruned_bytes", meaning::REMOTE_PRUNED_BYTES),
        }
    }
}
