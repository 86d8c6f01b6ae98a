//! Who receives notifications: a server that keeps what it was sent, and answers as told.

use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A message as it came.
#[derive(Clone, Debug)]
pub struct Received {
    pub path: String,
    pub headers: HeaderMap,
    pub body: String,
}

impl Received {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

struct Answers {
    status: AtomicU16,
    hangs: AtomicBool,
    received: Mutex<Vec<Received>>,
}

/// A receiver; it ends when it is dropped.
pub struct Receiver {
    pub origin: String,
    answers: Arc<Answers>,
    serving: JoinHandle<()>,
}

impl Receiver {
    /// One that takes everything.
    pub async fn start() -> Self {
        let answers = Arc::new(Answers {
            status: AtomicU16::new(200),
            hangs: AtomicBool::new(false),
            received: Mutex::default(),
        });
        let router = Router::new().fallback(take).with_state(answers.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            origin,
            answers,
            serving,
        }
    }

    /// Answers with that from now on.
    pub fn answer(&self, status: u16) {
        self.answers.status.store(status, Ordering::SeqCst);
    }

    /// Answers nothing from now on.
    pub fn hang(&self) {
        self.answers.hangs.store(true, Ordering::SeqCst);
    }

    pub fn received(&self) -> Vec<Received> {
        self.answers.received.lock().unwrap().clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn take(
    State(answers): State<Arc<Answers>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, HeaderMap) {
    answers.received.lock().unwrap().push(Received {
        path: uri.path().to_owned(),
        headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
    });
    if answers.hangs.load(Ordering::SeqCst) {
        std::future::pending::<()>().await;
    }
    let status = answers.status.load(Ordering::SeqCst);
    let mut headers = HeaderMap::new();
    if (300..400).contains(&status) {
        headers.insert("location", "/elsewhere".parse().unwrap());
    }
    (StatusCode::from_u16(status).unwrap(), headers)
}
