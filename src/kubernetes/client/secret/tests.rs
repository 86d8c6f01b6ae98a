//! Against an API server that knows one Secret.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};

use super::*;

/// The one Secret of an API server, and what it does to callers.
#[derive(Clone, Default)]
pub(crate) struct FakeSecret(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    secret: Option<Value>,
    version: u64,
    /// Answered to everything, if set.
    refusal: Option<u16>,
    /// Written by somebody else between a caller's read and its write.
    interference: Option<Value>,
}

impl FakeSecret {
    fn client(&self) -> Client {
        let fake = self.clone();
        let answer = move |request: Request<Body>| {
            let fake = fake.clone();
            async move { Ok::<_, Infallible>(fake.answer(request).await) }
        };
        Client::new(tower::service_fn(answer), "sekisho")
    }

    pub(crate) fn one(&self) -> SharedSecret {
        SharedSecret::new(
            &KubernetesClient::new(self.client()),
            "sekisho",
            "sekisho-webhook-tls",
        )
    }

    pub(crate) fn refuse(&self, status: Option<u16>) {
        self.0.lock().unwrap().refusal = status;
    }

    pub(crate) fn put(&self, secret: Value) {
        self.0.lock().unwrap().put(secret);
    }

    pub(crate) fn remove(&self) {
        self.0.lock().unwrap().secret = None;
    }

    pub(crate) fn held(&self) -> Option<Value> {
        self.0.lock().unwrap().secret.clone()
    }

    /// How often it was written.
    pub(crate) fn writes(&self) -> u64 {
        self.0.lock().unwrap().version
    }

    async fn answer(&self, request: Request<Body>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let sent: Value = serde_json::from_slice(&body).unwrap_or_default();
        let mut state = self.0.lock().unwrap();
        let (status, answer) = match state.refusal {
            Some(status) => (status, failure(status)),
            None => state.answer(&parts.method, sent),
        };
        Response::builder()
            .status(StatusCode::from_u16(status).unwrap())
            .header("content-type", "application/json")
            .body(Body::from(answer.to_string().into_bytes()))
            .unwrap()
    }
}

impl State {
    fn put(&mut self, mut secret: Value) {
        self.version += 1;
        secret["metadata"]["resourceVersion"] = self.version.to_string().into();
        self.secret = Some(secret);
    }

    fn answer(&mut self, method: &Method, sent: Value) -> (u16, Value) {
        let writes = *method != Method::GET;
        if let Some(other) = self.interference.take_if(|_| writes) {
            self.put(other);
        }
        let held = self
            .secret
            .as_ref()
            .map(|it| &it["metadata"]["resourceVersion"]);
        let refused = match (method, held) {
            (&Method::POST, Some(_)) => Some(409),
            (&Method::GET | &Method::PUT, None) => Some(404),
            (&Method::PUT, Some(held)) if *held != sent["metadata"]["resourceVersion"] => Some(409),
            _ => None,
        };
        if let Some(status) = refused {
            return (status, failure(status));
        }
        if writes {
            self.put(sent);
        }
        (200, self.secret.clone().unwrap())
    }
}

fn failure(status: u16) -> Value {
    let reason = match status {
        403 => "Forbidden",
        404 => "NotFound",
        409 => "Conflict",
        _ => "InternalError",
    };
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "refused", "reason": reason, "code": status})
}

fn data(text: &str) -> SecretData {
    SecretData::from([("ca.crt".to_owned(), text.as_bytes().to_vec())])
}

/// As an installation makes it beforehand.
fn prepared() -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "type": "Opaque",
        "metadata": {"name": "sekisho-webhook-tls", "labels": {"app": "sekisho"}}})
}

#[tokio::test]
async fn what_is_written_is_read_again_under_another_version() {
    let secret = FakeSecret::default().one();
    assert!(secret.read().await.unwrap().is_none());
    secret.write(&data("one"), None).await.unwrap();
    let (read, version) = secret.read().await.unwrap().unwrap();
    assert_eq!(read, data("one"));
    secret.write(&data("two"), Some(&version)).await.unwrap();
    let (read, later) = secret.read().await.unwrap().unwrap();
    assert_eq!(read, data("two"));
    assert_ne!(version, later);
}

#[tokio::test]
async fn an_empty_secret_is_filled_and_keeps_its_labels() {
    let fake = FakeSecret::default();
    fake.put(prepared());
    let (read, version) = fake.one().read().await.unwrap().unwrap();
    assert!(read.is_empty());
    fake.one()
        .write(&data("one"), Some(&version))
        .await
        .unwrap();
    let held = fake.held().unwrap();
    assert_eq!(held["metadata"]["labels"]["app"], "sekisho");
    assert_eq!(held["data"]["ca.crt"], "b25l");
}

#[tokio::test]
async fn whoever_has_not_read_the_latest_changes_nothing() {
    let (fake, theirs) = (FakeSecret::default(), prepared());
    fake.put(prepared());
    let (_, version) = fake.one().read().await.unwrap().unwrap();
    let conflict = async |replaces: Option<&str>| {
        let written = fake.one().write(&data("mine"), replaces).await;
        assert!(matches!(written, Err(SecretError::Conflict)), "{written:?}");
        assert!(fake.held().is_none_or(|held| held["data"].is_null()));
    };
    conflict(None).await;
    fake.0.lock().unwrap().interference = Some(theirs.clone());
    conflict(Some(&version)).await;
    fake.put(theirs);
    conflict(Some(&version)).await;
    fake.remove();
    conflict(Some(&version)).await;
}

#[tokio::test]
async fn a_missing_right_is_named() {
    let fake = FakeSecret::default();
    fake.refuse(Some(403));
    let error = fake.one().read().await.unwrap_err().to_string();
    assert!(
        error.contains("may not get") && error.contains("Role"),
        "{error}"
    );
    fake.refuse(Some(500));
    let error = fake.one().read().await.unwrap_err();
    assert!(matches!(error, SecretError::Refused { .. }), "{error}");
}
