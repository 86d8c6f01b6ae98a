//! Who receives notifications: a server that keeps what it was sent, and answers as told.

use std::sync::atomic::{AtomicBool, AtomicU16, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
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
    /// Seconds for which it asks to be left alone; 0: not at all.
    busy_for: AtomicUsize,
    hangs: AtomicBool,
    asked_at_once: AtomicUsize,
    most_at_once: AtomicUsize,
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
            busy_for: AtomicUsize::new(0),
            hangs: AtomicBool::new(false),
            asked_at_once: AtomicUsize::new(0),
            most_at_once: AtomicUsize::new(0),
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

    /// Asks for so many seconds of rest from now on.
    pub fn ask_to_wait(&self, seconds: usize) {
        self.answers.busy_for.store(seconds, Ordering::SeqCst);
    }

    /// Messages that came while others were not answered, at most.
    pub fn most_at_once(&self) -> usize {
        self.answers.most_at_once.load(Ordering::SeqCst)
    }

    /// Answers nothing from now on.
    pub fn hang(&self) {
        self.answers.hangs.store(true, Ordering::SeqCst);
    }

    /// Answers again.
    pub fn recover(&self) {
        self.answers.hangs.store(false, Ordering::SeqCst);
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
    let at_once = answers.asked_at_once.fetch_add(1, Ordering::SeqCst) + 1;
    answers.most_at_once.fetch_max(at_once, Ordering::SeqCst);
    answers.received.lock().unwrap().push(Received {
        path: uri.path().to_owned(),
        headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
    });
    if answers.hangs.load(Ordering::SeqCst) {
        std::future::pending::<()>().await;
    }
    // So long that another would come meanwhile.
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    answers.asked_at_once.fetch_sub(1, Ordering::SeqCst);
    let status = answers.status.load(Ordering::SeqCst);
    let mut headers = HeaderMap::new();
    let seconds = answers.busy_for.load(Ordering::SeqCst);
    if seconds > 0 {
        headers.insert("retry-after", seconds.into());
    }
    if (300..400).contains(&status) {
        headers.insert("location", "/elsewhere".parse().unwrap());
    }
    (StatusCode::from_u16(status).unwrap(), headers)
}

/// A server that writes what it is told to, whatever it was asked.
pub struct RudeReceiver {
    pub origin: String,
    serving: JoinHandle<()>,
}

impl RudeReceiver {
    /// One that writes `first`, then `rest` without end; where that is empty, it closes.
    pub async fn start(first: &'static str, rest: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer_rudely(stream, first, rest));
            }
        });
        Self { origin, serving }
    }
}

impl Drop for RudeReceiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Until nobody listens.
async fn answer_rudely(mut stream: TcpStream, first: &str, rest: &str) {
    let mut asked = [0; 4096];
    let _ = stream.read(&mut asked).await;
    let mut written = stream.write_all(first.as_bytes()).await;
    while written.is_ok() && !rest.is_empty() {
        written = stream.write_all(rest.as_bytes()).await;
    }
}
