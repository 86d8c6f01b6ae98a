//! Handles of how the parts are, as it is looked at from time to time.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;

use super::registration::MetricRegistration;
use super::{DeniedSoonLabels, DiskLabels, EnvironmentLabels, GaugeTable, UpstreamLabels, meaning};

/// A part of the metrics.
#[derive(Clone)]
pub struct ConditionMetrics {
    pub upstream_up: Family<UpstreamLabels, Gauge>,
    pub disk_free_bytes: Family<DiskLabels, Gauge>,
    pub cache_max_bytes: Gauge,
    pub content_memory_bytes: Gauge,
    pub resident_memory_bytes: Gauge,
    pub cache_evicted_bytes: Counter,
    pub cache_damaged_files: Counter,
    pub mode_overridden: Family<EnvironmentLabels, Gauge>,
    pub ledger_silent_seconds: Gauge,
    pub denied_soon: GaugeTable<DeniedSoonLabels>,
}

impl ConditionMetrics {
    pub(super) fn new(to: &mut MetricRegistration) -> Self {
        Self {
            upstream_up: to.add("upstream_up", meaning::UPSTREAM_UP),
            disk_free_bytes: to.add("disk_free_bytes", meaning::DISK_FREE_BYTES),
            cache_max_bytes: to.add("cache_max_bytes", meaning::CACHE_MAX_BYTES),
            content_memory_bytes: to.add("content_memory_bytes", meaning::CONTENT_MEMORY_BYTES),
            resident_memory_bytes: to.add("resident_memory_bytes", meaning::RESIDENT_MEMORY_BYTES),
            cache_evicted_bytes: to.add("cache_evicted_bytes", meaning::CACHE_EVICTED_BYTES),
            cache_damaged_files: to.add("cache_damaged_files", meaning::CACHE_DAMAGED_FILES),
            mode_overridden: to.add("mode_overridden", meaning::MODE_OVERRIDDEN),
            ledger_silent_seconds: to.add("ledger_silent_seconds", meaning::LEDGER_SILENT_SECONDS),
            denied_soon: to.add("denied_soon", meaning::DENIED_SOON),
        }
    }
}
