//! Sends what waits to the collector, in batches, and notes how that went.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider, SpanData, SpanExporter as _};
use reqwest::Client;
use tokio::sync::Mutex;
use tracing::Subscriber;
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

use super::error::TraceError;
use super::options::TraceOptions;
use super::queue::{QueuedSpans, SpanQueue};
use super::sampler::PartOfRequests;
use crate::http_client::{self, TrustedServers};
use crate::metrics::{Metrics, SpanLabels, SpanResult};
use crate::spans::SPAN_TARGET;

/// Time for the answer to one batch.
const BATCH_TIMEOUT: Duration = Duration::from_secs(5);
/// Spans in one batch, at most.
const MAX_BATCH_SPANS: usize = 512;

/// Takes spans from the subscriber, and sends them when [`TraceExport::once`] is called.
pub struct TraceExport {
    queued: Mutex<QueuedSpans>,
    exporter: SpanExporter,
    /// Its end drops the tracer's processor.
    provider: SdkTracerProvider,
    is_failing: AtomicBool,
}

impl TraceExport {
    /// Nothing is sent yet.
    ///
    /// # Errors
    /// [`TraceError`] where there can be no client for it.
    pub fn new(options: &TraceOptions) -> Result<Arc<Self>, TraceError> {
        let failed = |error: &dyn std::fmt::Display| TraceError::Client(error.to_string());
        let client = client(options)?;
        let mut exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(client)
            .with_endpoint(options.url.as_str())
            .with_protocol(Protocol::HttpBinary)
            .with_timeout(BATCH_TIMEOUT)
            .build()
            .map_err(|error| failed(&error))?;
        exporter.set_resource(&resource());
        let (queue, queued) = SpanQueue::new();
        let provider = SdkTracerProvider::builder()
            .with_span_processor(queue)
            .with_sampler(PartOfRequests(options.sample))
            .build();
        Ok(Arc::new(Self {
            queued: Mutex::new(queued),
            exporter,
            provider,
            is_failing: AtomicBool::new(false),
        }))
    }

    /// What takes the spans, and nothing else, from the subscriber of the process.
    pub fn layer<S>(&self) -> impl Layer<S> + Send + Sync + use<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
    {
        let tracer: SdkTracer = self.provider.tracer("sekisho");
        let ours = filter_fn(|it| it.is_span() && it.target() == SPAN_TARGET);
        OpenTelemetryLayer::new(tracer)
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_level(false)
            .with_tracked_inactivity(false)
            .with_filter(ours)
    }

    /// Sends what waits; ends early when the collector fails. What it did not take is lost.
    pub async fn once(&self, metrics: &Metrics) {
        let mut queued = self.queued.lock().await;
        let dropped = queued.dropped.swap(0, Ordering::Relaxed);
        count(metrics, SpanResult::Dropped, dropped);
        loop {
            let mut batch: Vec<SpanData> = Vec::new();
            while batch.len() < MAX_BATCH_SPANS
                && let Ok(span) = queued.waiting.try_recv()
            {
                batch.push(span);
            }
            if batch.is_empty() {
                return;
            }
            let size = batch.len() as u64;
            let sent = tokio::time::timeout(BATCH_TIMEOUT, self.exporter.export(batch)).await;
            let is_sent = matches!(sent, Ok(Ok(())));
            self.tell(is_sent);
            let result = match is_sent {
                true => SpanResult::Sent,
                false => SpanResult::Failed,
            };
            count(metrics, result, size);
            if !is_sent {
                return;
            }
        }
    }

    /// Once when it begins to fail, and once when it is over. The library's words may hold
    /// a part of the address, so they are not repeated.
    fn tell(&self, is_sent: bool) {
        match (self.is_failing.swap(!is_sent, Ordering::Relaxed), is_sent) {
            (false, false) => tracing::warn!("the collector of traces takes none; they are lost"),
            (true, true) => tracing::info!("the collector takes traces again"),
            (true, false) | (false, true) => {}
        }
    }
}

fn count(metrics: &Metrics, result: SpanResult, spans: u64) {
    if spans > 0 {
        let labels = SpanLabels { result };
        metrics.watch.spans.get_or_create(&labels).inc_by(spans);
    }
}

/// With what `OTEL_RESOURCE_ATTRIBUTES` of the process's environment says.
fn resource() -> Resource {
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    Resource::builder()
        .with_service_name("sekisho")
        .with_attribute(version)
        .build()
}

fn client(options: &TraceOptions) -> Result<Client, TraceError> {
    let failed = |error: &dyn std::fmt::Display| TraceError::Client(error.to_string());
    let mut trusted = TrustedServers::public();
    if let Some(pem) = &options.ca {
        trusted.add(pem).map_err(|_| TraceError::Ca)?;
    }
    let tls = trusted.tls().map_err(|error| failed(&error))?;
    http_client::client(tls.with_no_client_auth())
        .no_proxy()
        .timeout(BATCH_TIMEOUT)
        .build()
        .map_err(|error| failed(&error))
}
