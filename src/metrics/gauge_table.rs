//! Gauges that are counted anew from time to time, and shown as a whole: a scrape finds
//! the old ones or the new ones, and never a gap between.

use std::fmt;
use std::hash::Hash;
use std::sync::Arc;

use arc_swap::ArcSwap;
use prometheus_client::encoding::{EncodeLabelSet, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;

/// One gauge for each set of labels. Clones share them.
pub struct GaugeTable<L>(Arc<ArcSwap<Family<L, Gauge>>>);

impl<L: Clone + Hash + Eq> GaugeTable<L> {
    /// Shows these from now on, and no others.
    pub fn replace(&self, counted: impl IntoIterator<Item = (L, i64)>) {
        let table = Family::<L, Gauge>::default();
        for (labels, count) in counted {
            table.get_or_create(&labels).set(count);
        }
        self.0.store(Arc::new(table));
    }
}

impl<L> Clone for GaugeTable<L> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<L: Clone + Hash + Eq> Default for GaugeTable<L> {
    fn default() -> Self {
        Self(Arc::new(ArcSwap::from_pointee(Family::default())))
    }
}

impl<L> fmt::Debug for GaugeTable<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GaugeTable")
    }
}

impl<L: EncodeLabelSet + Clone + Hash + Eq + fmt::Debug> EncodeMetric for GaugeTable<L> {
    fn encode(&self, encoder: MetricEncoder<'_>) -> fmt::Result {
        self.0.load().encode(encoder)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Gauge
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use crate::metrics::{DenialCause, DeniedSoonLabels, Metrics};

    /// With gauges that are cleared and filled again this fails within some turns.
    #[test]
    fn a_scrape_finds_the_old_or_the_new_and_never_a_gap() {
        let metrics = Metrics::new();
        let show = |count: i64| {
            let labelled = |&cause: &DenialCause| {
                let environment = "production".into();
                (DeniedSoonLabels { environment, cause }, count)
            };
            let all: Vec<_> = DenialCause::ALL.iter().map(labelled).collect();
            metrics.condition.denied_soon.replace(all);
        };
        show(1);
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    show(1);
                }
            });
            for _ in 0..200 {
                let page = metrics.encode();
                let shown = page.matches("\nsekisho_denied_soon{").count();
                assert_eq!(shown, DenialCause::ALL.len());
            }
            is_over.store(true, Ordering::Relaxed);
        });
        metrics.condition.denied_soon.replace([]);
        assert!(!metrics.encode().contains("\nsekisho_denied_soon{"));
    }
}
