//! Handles of what replicas tell of each other.

use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;

use super::registration::MetricRegistration;
use super::{SharedWorkLabels, meaning};

/// A part of the metrics.
#[derive(Clone)]
pub struct ReplicaMetrics {
    pub count: Gauge,
    pub work_held: Family<SharedWorkLabels, Gauge>,
}

impl ReplicaMetrics {
    pub(super) fn new(to: &mut MetricRegistration) -> Self {
        Self {
            count: to.add("replicas", meaning::REPLICAS),
            work_held: to.add("work_held", meaning::WORK_HELD),
        }
    }
}
