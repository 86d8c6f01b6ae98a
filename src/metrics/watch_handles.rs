//! Handles of what is watched: the live feed, what is in use and judged again in the
//! background, notifications, and traces.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;

use super::registration::MetricRegistration;
use super::{
    DeniedInUseLabels, GaugeTable, NotificationLabels, NotifyTargetLabels, SpanLabels, meaning,
};

/// A part of the metrics.
#[derive(Clone)]
pub struct WatchMetrics {
    pub feed_readers: Gauge,
    pub feed_readers_dropped: Counter,
    pub denied_in_use: GaugeTable<DeniedInUseLabels>,
    pub rejudged: Counter,
    pub rejudge_waiting: Gauge,
    pub notifications: Family<NotificationLabels, Counter>,
    pub notifications_waiting: Family<NotifyTargetLabels, Gauge>,
    pub spans: Family<SpanLabels, Counter>,
}

impl WatchMetrics {
    pub(super) fn new(to: &mut MetricRegistration) -> Self {
        Self {
            feed_readers: to.add("feed_readers", meaning::FEED_READERS),
            feed_readers_dropped: to.add("feed_readers_dropped", meaning::FEED_READERS_DROPPED),
            denied_in_use: to.add("denied_in_use", meaning::DENIED_IN_USE),
            rejudged: to.add("rejudged", meaning::REJUDGED),
            rejudge_waiting: to.add("rejudge_waiting", meaning::REJUDGE_WAITING),
            notifications: to.add("notifications", meaning::NOTIFICATIONS),
            notifications_waiting: to.add("notifications_waiting", meaning::NOTIFICATIONS_WAITING),
            spans: to.add("spans", meaning::SPANS),
        }
    }
}
