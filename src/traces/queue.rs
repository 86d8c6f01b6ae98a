//! Spans that ended, on their way to the collector: so many and no more.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// Spans that wait at most; one takes about a KiB.
const MAX_WAITING: usize = 4096;

/// Where spans go when they end. Never waits.
#[derive(Debug)]
pub(super) struct SpanQueue {
    waiting: Sender<SpanData>,
    dropped: Arc<AtomicU64>,
}

/// The other end, with the count of what found no room.
#[derive(Debug)]
pub(super) struct QueuedSpans {
    pub(super) waiting: Receiver<SpanData>,
    pub(super) dropped: Arc<AtomicU64>,
}

impl SpanQueue {
    pub(super) fn new() -> (Self, QueuedSpans) {
        let (sender, waiting) = channel(MAX_WAITING);
        let dropped = Arc::new(AtomicU64::new(0));
        let queue = Self {
            waiting: sender,
            dropped: dropped.clone(),
        };
        (queue, QueuedSpans { waiting, dropped })
    }
}

impl SpanProcessor for SpanQueue {
    fn on_start(&self, _span: &mut Span, _context: &Context) {}

    fn on_end(&self, span: SpanData) {
        if span.span_context.is_sampled() && self.waiting.try_send(span).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _timeout: Duration) -> OTelSdkResult {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::{
        SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
    };
    use opentelemetry_sdk::trace::{SpanEvents, SpanLinks};

    use super::*;

    fn span() -> SpanData {
        let (trace, id) = (TraceId::from(1), SpanId::from(1));
        let flags = TraceFlags::SAMPLED;
        SpanData {
            span_context: SpanContext::new(trace, id, flags, false, TraceState::NONE),
            parent_span_id: SpanId::INVALID,
            parent_span_is_remote: false,
            span_kind: SpanKind::Internal,
            name: "pull".into(),
            start_time: std::time::SystemTime::UNIX_EPOCH,
            end_time: std::time::SystemTime::UNIX_EPOCH,
            attributes: Vec::new(),
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: Status::Unset,
            instrumentation_scope: opentelemetry::InstrumentationScope::default(),
        }
    }

    #[test]
    fn what_finds_no_room_is_dropped_and_counted() {
        let (queue, mut queued) = SpanQueue::new();
        for _ in 0..MAX_WAITING + 7 {
            queue.on_end(span());
        }
        assert_eq!(queued.dropped.load(Ordering::Relaxed), 7);
        assert_eq!(queued.waiting.len(), MAX_WAITING);
        queued.waiting.try_recv().unwrap();
        queue.on_end(span());
        assert_eq!(queued.dropped.load(Ordering::Relaxed), 7);
    }
}
