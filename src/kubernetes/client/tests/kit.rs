//! An API server in a closure, for its faults; and what tests wait for.

use std::convert::Infallible;
use std::future::ready;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{Method, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::kubernetes::client::KubernetesClient;

/// A request to the API server, read whole.
#[derive(Clone, Debug)]
pub struct Asked {
    pub method: Method,
    pub path: String,
    pub query: String,
    pub body: Value,
}

pub enum Answer {
    Json(Value),
    /// A watch: one event for each value, until the sender is dropped.
    Watch(mpsc::UnboundedReceiver<Value>),
    Refused(u16, &'static str),
    Never,
}

type AnswerBody = UnsyncBoxBody<Bytes, Infallible>;

/// A cluster whose API server answers with this function.
pub fn cluster(answer: impl Fn(Asked) -> Answer + Clone + Send + 'static) -> KubernetesClient {
    let service = tower::service_fn(move |request: Request<Body>| {
        let answer = answer.clone();
        async move {
            let asked = read(request).await;
            match answer(asked) {
                Answer::Never => std::future::pending().await,
                answer => Ok::<_, Infallible>(response(answer)),
            }
        }
    });
    KubernetesClient::new(Client::new(service, "sekisho"))
}

async fn read(request: Request<Body>) -> Asked {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Asked {
        method: head.method,
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        body: serde_json::from_slice(&body).unwrap_or(Value::Null),
    }
}

fn response(answer: Answer) -> Response<AnswerBody> {
    let (status, body) = match answer {
        Answer::Json(value) => (200, whole(&value)),
        Answer::Watch(events) => (200, lines(events)),
        Answer::Refused(status, message) => (status, whole(&failure(status, message))),
        Answer::Never => unreachable!(),
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response
}

fn whole(value: &Value) -> AnswerBody {
    Full::new(Bytes::from(value.to_string())).boxed_unsync()
}

fn lines(events: mpsc::UnboundedReceiver<Value>) -> AnswerBody {
    let events = stream::unfold(events, |mut events| async {
        let event = events.recv().await?;
        Some((Bytes::from(format!("{event}\n")), events))
    });
    let frames = events.then(|line| ready(Ok::<_, Infallible>(Frame::data(line))));
    BodyExt::boxed_unsync(StreamBody::new(frames))
}

fn failure(status: u16, message: &str) -> Value {
    let reason = match status {
        403 => "Forbidden",
        404 => "NotFound",
        409 => "Conflict",
        _ => "InternalError",
    };
    json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure",
        "message": message, "reason": reason, "code": status,
    })
}

/// Waits until `found` finds something, for a bounded time.
pub async fn until<T>(mut found: impl FnMut() -> Option<T>) -> T {
    for _ in 0..2000 {
        if let Some(value) = found() {
            return value;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("waited in vain");
}
