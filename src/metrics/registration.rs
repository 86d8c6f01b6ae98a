//! Metrics on their way into the registry.

use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Metric, Registry};

use super::meaning;

/// Adds metrics to a registry.
pub(super) struct MetricRegistration(Registry);

impl MetricRegistration {
    pub(super) fn new() -> Self {
        Self(Registry::with_prefix("sekisho"))
    }

    pub(super) fn into_registry(self) -> Registry {
        self.0
    }

    pub(super) fn add<M: Metric + Clone + Default>(&mut self, name: &str, help: &str) -> M {
        self.add_made(name, help, M::default())
    }

    pub(super) fn add_made<M: Metric + Clone>(&mut self, name: &str, help: &str, metric: M) -> M {
        self.0.register(name, help, metric.clone());
        metric
    }

    pub(super) fn build_info(&mut self) {
        let info = Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]);
        self.0.register("build", meaning::BUILD, info);
    }
}
