//! Handles of what agents on nodes are told, and of what they tell.

use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;

use super::registration::MetricRegistration;
use super::{EnvironmentLabels, GaugeTable, meaning};

/// A part of the metrics.
#[derive(Clone)]
pub struct NodeMetrics {
    pub snapshot_sequence: Family<EnvironmentLabels, Gauge>,
    pub snapshot_denied: Family<EnvironmentLabels, Gauge>,
    pub agents: GaugeTable<EnvironmentLabels>,
    pub agents_silent: GaugeTable<EnvironmentLabels>,
}

impl NodeMetrics {
    pub(super) fn new(to: &mut MetricRegistration) -> Self {
        Self {
            snapshot_sequence: to.add("node_snapshot_sequence", meaning::NODE_SNAPSHOT_SEQUENCE),
            snapshot_denied: to.add("node_snapshot_denied", meaning::NODE_SNAPSHOT_DENIED),
            agents: to.add("node_agents", meaning::NODE_AGENTS),
            agents_silent: to.add("node_agents_silent", meaning::NODE_AGENTS_SILENT),
        }
    }
}
