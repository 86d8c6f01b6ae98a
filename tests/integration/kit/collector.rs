//! Who collects traces: a server that reads spans as OTLP writes them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

#[derive(Default)]
struct Collected {
    status: AtomicU16,
    services: Mutex<Vec<String>>,
    spans: Mutex<Vec<Span>>,
}

/// A collector; it ends when it is dropped.
pub struct Collector {
    pub origin: String,
    collected: Arc<Collected>,
    serving: JoinHandle<()>,
}

impl Collector {
    /// One that takes everything.
    pub async fn start() -> Self {
        let collected = Arc::<Collected>::default();
        collected.status.store(200, Ordering::SeqCst);
        let router = Router::new().fallback(take).with_state(collected.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            origin,
            collected,
            serving,
        }
    }

    /// Answers with that from now on.
    pub fn answer(&self, status: u16) {
        self.collected.status.store(status, Ordering::SeqCst);
    }

    pub fn spans(&self) -> Vec<Span> {
        self.collected.spans.lock().unwrap().clone()
    }

    /// Who sent them, by their own word.
    pub fn services(&self) -> Vec<String> {
        self.collected.services.lock().unwrap().clone()
    }

    /// The traces that hold a span with that attribute: of each span its name, its parent's
    /// name and what it says.
    pub fn traces_with(&self, key: &str, value: &str) -> Vec<Vec<Seen>> {
        let spans = self.spans();
        let has = |it: &&Span| said(it).get(key).is_some_and(|it| it == value);
        let mut ids: Vec<Vec<u8>> = spans
            .iter()
            .filter(has)
            .map(|it| it.trace_id.clone())
            .collect();
        ids.dedup();
        let of = |id: &Vec<u8>| {
            let own: Vec<&Span> = spans.iter().filter(|it| it.trace_id == *id).collect();
            let name = |id: &[u8]| {
                own.iter()
                    .find(|it| it.span_id == id)
                    .map(|it| it.name.clone())
            };
            let seen = |it: &&Span| Seen {
                name: it.name.clone(),
                parent: name(&it.parent_span_id),
                parent_id: hex::encode(&it.parent_span_id),
                trace_id: hex::encode(&it.trace_id),
                said: said(it),
            };
            own.iter().map(seen).collect()
        };
        ids.iter().map(of).collect()
    }
}

/// A span, as a test looks at it.
#[derive(Clone, Debug)]
pub struct Seen {
    pub name: String,
    pub parent: Option<String>,
    pub parent_id: String,
    pub trace_id: String,
    pub said: BTreeMap<String, String>,
}

fn said(span: &Span) -> BTreeMap<String, String> {
    let pairs = span.attributes.iter().filter_map(|it| {
        let value = match it.value.as_ref()?.value.as_ref()? {
            Value::StringValue(text) => text.clone(),
            Value::IntValue(number) => number.to_string(),
            other => format!("{other:?}"),
        };
        Some((it.key.clone(), value))
    });
    pairs.collect()
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn take(
    State(collected): State<Arc<Collected>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    assert_eq!(uri.path(), "/v1/traces");
    assert_eq!(headers["content-type"], "application/x-protobuf");
    let status = collected.status.load(Ordering::SeqCst);
    if status == 200 {
        let request = ExportTraceServiceRequest::decode(body).unwrap();
        for resource in request.resource_spans {
            let named = resource.resource.unwrap_or_default().attributes;
            let service = named.iter().find(|it| it.key == "service.name");
            let service = service.and_then(|it| it.value.as_ref()?.value.clone());
            if let Some(Value::StringValue(name)) = service {
                collected.services.lock().unwrap().push(name);
            }
            let spans = resource.scope_spans.into_iter().flat_map(|it| it.spans);
            collected.spans.lock().unwrap().extend(spans);
        }
    }
    StatusCode::from_u16(status).unwrap()
}
