//! Metrics of a node's agent, which are no others of the program.

use std::sync::Arc;

use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use super::registration::MetricRegistration;
use super::{CanaryLabels, StartLabels, meaning};

/// The handles, and the registry that prints them. Cloning shares both.
#[derive(Clone)]
pub struct AgentMetrics {
    registry: Arc<Registry>,
    pub starts: Family<StartLabels, Counter>,
    pub answer_seconds: Histogram,
    pub runtime_connected: Gauge,
    pub gateway_reached: Gauge,
    pub snapshot_sequence: Gauge,
    pub snapshot_denied: Gauge,
    pub snapshot_issued_seconds: Gauge,
    pub snapshot_expires_seconds: Gauge,
    pub snapshot_unkept: Gauge,
    pub snapshots_refused: Counter,
    pub denials_dropped: Counter,
    pub canaries: Family<CanaryLabels, Counter>,
    pub canary_refused: Gauge,
    pub evictions: Counter,
}

impl AgentMetrics {
    /// Registers every metric of an agent.
    pub fn new() -> Self {
        let mut to = MetricRegistration::new();
        to.build_info();
        let answers = Histogram::new(exponential_buckets(0.000_05, 2.0, 16));
        Self {
            starts: to.add("agent_starts", meaning::AGENT_STARTS),
            answer_seconds: to.add_made(
                "agent_answer_seconds",
                meaning::AGENT_ANSWER_SECONDS,
                answers,
            ),
            runtime_connected: to.add("agent_runtime_connected", meaning::AGENT_RUNTIME_CONNECTED),
            gateway_reached: to.add("agent_gateway_reached", meaning::AGENT_GATEWAY_REACHED),
            snapshot_sequence: to.add("agent_snapshot_sequence", meaning::AGENT_SNAPSHOT_SEQUENCE),
            snapshot_denied: to.add("agent_snapshot_denied", meaning::AGENT_SNAPSHOT_DENIED),
            snapshot_issued_seconds: to.add(
                "agent_snapshot_issued_timestamp_seconds",
                meaning::AGENT_SNAPSHOT_ISSUED,
            ),
            snapshot_expires_seconds: to.add(
                "agent_snapshot_expiry_timestamp_seconds",
                meaning::AGENT_SNAPSHOT_EXPIRY,
            ),
            snapshot_unkept: to.add("agent_snapshot_unkept", meaning::AGENT_SNAPSHOT_UNKEPT),
            snapshots_refused: to.add("agent_snapshots_refused", meaning::AGENT_SNAPSHOTS_REFUSED),
            denials_dropped: to.add("agent_denials_dropped", meaning::AGENT_DENIALS_DROPPED),
            canaries: to.add("agent_canaries", meaning::AGENT_CANARIES),
            canary_refused: to.add("agent_canary_refused", meaning::AGENT_CANARY_REFUSED),
            evictions: to.add("agent_evictions", meaning::AGENT_EVICTIONS),
            registry: Arc::new(to.into_registry()),
        }
    }

    /// The page that scrapers read.
    pub fn encode(&self) -> String {
        let mut page = String::new();
        if let Err(error) = text::encode(&mut page, &self.registry) {
            tracing::error!(%error, "the metrics cannot be written");
        }
        page
    }
}

impl Default for AgentMetrics {
    fn default() -> Self {
        Self::new()
    }
}
