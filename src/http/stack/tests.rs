//! The stack around doors that wait, count and stream.

use std::future::pending;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::stream::once;
use http::StatusCode;
use http_body_util::BodyExt;
use hyper::service::Service;
use tokio::sync::{Notify, Semaphore};

use super::super::{Body, Connection};
use super::*;

const LONG: Duration = Duration::from_secs(60);

/// Answers each request when it gets a turn, and says by how many it was refused.
struct Turnstile {
    stack: Stack,
    begun: Notify,
    turns: Semaphore,
}

impl Turnstile {
    fn new(at_once: usize, deadline: Duration) -> Arc<Self> {
        Self::within(StackLimits::new(at_once, at_once, deadline))
    }

    fn within(limits: StackLimits) -> Arc<Self> {
        Arc::new(Self {
            stack: Stack::new("turnstile", limits),
            begun: Notify::new(),
            turns: Semaphore::new(0),
        })
    }

    async fn ask(self: &Arc<Self>, method: Method) -> Response<Body> {
        self.ask_from([127, 0, 0, 1], method).await
    }

    async fn ask_from(self: &Arc<Self>, address: [u8; 4], method: Method) -> Response<Body> {
        let peer = Peer::new((address, 9).into(), None);
        let request = Request::builder().method(method).uri("/path").body(());
        let connection = Connection::new(self.clone(), peer);
        connection.call(request.unwrap()).await.unwrap()
    }
}

fn text(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response
}

impl Handler<()> for Turnstile {
    type Body = Body;

    fn stack(&self) -> &Stack {
        &self.stack
    }

    async fn answer(&self, request: Request<()>) -> Response<Body> {
        assert!(request.extensions().get::<Peer>().is_some());
        self.begun.notify_one();
        self.turns.acquire().await.unwrap().forget();
        text(StatusCode::OK, "done")
    }

    async fn overloaded(&self, _: Request<()>) -> Response<Body> {
        text(StatusCode::SERVICE_UNAVAILABLE, "full")
    }

    fn too_slow(&self) -> Response<Body> {
        text(StatusCode::SERVICE_UNAVAILABLE, "slow")
    }
}

async fn said(response: Response<Body>) -> (u16, Bytes) {
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (parts.status.as_u16(), body)
}

#[tokio::test]
async fn names_each_request() {
    let door = Turnstile::new(8, LONG);
    door.turns.add_permits(2);
    let answers = [door.ask(Method::GET).await, door.ask(Method::GET).await];
    let ids = answers.map(|answer| answer.headers()[REQUEST_ID].clone());
    assert_ne!(ids[0], ids[1]);
}

#[tokio::test]
async fn answers_in_the_words_of_the_door_after_the_deadline() {
    let door = Turnstile::new(8, Duration::from_millis(1));
    let answer = door.ask(Method::GET).await;
    assert!(answer.headers().contains_key(REQUEST_ID));
    assert_eq!(said(answer).await, (503, "slow".into()));
    door.turns.add_permits(1);
    assert_eq!(said(door.ask(Method::GET).await).await.0, 200);
}

#[tokio::test]
async fn turns_away_what_is_too_much_at_once_and_recovers() {
    let door = Turnstile::new(1, LONG);
    let second = async {
        door.begun.notified().await;
        let refused = said(door.ask(Method::GET).await).await;
        door.turns.add_permits(2);
        refused
    };
    let (first, refused) = tokio::join!(door.ask(Method::GET), second);
    assert_eq!(refused, (503, "full".into()));
    assert_eq!(said(first).await, (200, "done".into()));
    assert_eq!(
        said(door.ask(Method::GET).await).await,
        (200, "done".into())
    );
}

#[tokio::test]
async fn leaves_places_that_one_address_cannot_take() {
    let limits = StackLimits::new(2, 1, LONG);
    let door = Turnstile::within(limits);
    let second = async {
        door.begun.notified().await;
        let refused = said(door.ask(Method::GET).await).await;
        door.turns.add_permits(2);
        let other = door.ask_from([10, 0, 0, 2], Method::GET).await;
        (refused, said(other).await)
    };
    let (first, (refused, other)) = tokio::join!(door.ask(Method::GET), second);
    assert_eq!(refused, (503, "full".into()));
    assert_eq!(other, (200, "done".into()));
    assert_eq!(said(first).await, (200, "done".into()));
}

#[tokio::test]
async fn gives_the_place_of_a_client_that_went_away_to_the_next() {
    let door = Turnstile::new(1, LONG);
    let gone = tokio::time::timeout(Duration::from_millis(1), door.ask(Method::GET));
    assert!(gone.await.is_err());
    door.turns.add_permits(1);
    assert_eq!(said(door.ask(Method::GET).await).await.0, 200);
}

#[tokio::test]
async fn answers_head_without_a_body_whoever_words_it() {
    for (at_once, turns, length) in [(0, 0, "4"), (1, 0, "4"), (1, 1, "4")] {
        let door = Turnstile::new(at_once, Duration::from_millis(100));
        door.turns.add_permits(turns);
        let answer = door.ask(Method::HEAD).await;
        assert_eq!(answer.headers()[CONTENT_LENGTH], length);
        assert_eq!(said(answer).await.1, "");
    }
}

/// Streams one byte when it is told to.
struct Streaming {
    stack: Stack,
    go_on: Arc<Notify>,
}

impl Handler<()> for Streaming {
    type Body = Body;

    fn stack(&self) -> &Stack {
        &self.stack
    }

    async fn answer(&self, _: Request<()>) -> Response<Body> {
        let go_on = self.go_on.clone();
        let byte = once(async move {
            go_on.notified().await;
            Ok(Bytes::from_static(b"x"))
        });
        Response::new(Body::stream(1, byte))
    }

    async fn overloaded(&self, _: Request<()>) -> Response<Body> {
        text(StatusCode::SERVICE_UNAVAILABLE, "full")
    }

    fn too_slow(&self) -> Response<Body> {
        text(StatusCode::SERVICE_UNAVAILABLE, "slow")
    }
}

#[tokio::test]
async fn a_body_holds_no_place_and_outlives_the_deadline() {
    let go_on = Arc::new(Notify::new());
    let limits = StackLimits::new(1, 1, Duration::from_millis(20));
    let door = Streaming {
        stack: Stack::new("streaming", limits),
        go_on: go_on.clone(),
    };
    let peer = Peer::new(([127, 0, 0, 1], 9).into(), None);
    let connection = Connection::new(Arc::new(door), peer);
    let first = connection.call(Request::new(())).await.unwrap();
    let second = connection.call(Request::new(())).await.unwrap();
    assert_eq!(second.status(), StatusCode::OK);
    drop(second);
    let read = tokio::spawn(said(first));
    let early = tokio::time::timeout(limits.deadline * 2, pending::<()>());
    assert!(early.await.is_err());
    go_on.notify_one();
    assert_eq!(read.await.unwrap(), (200, "x".into()));
}

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_log_names_the_request_as_the_answer_does() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    // With one subscriber alone, `tracing` asks that of whichever thread comes first to a
    // line whether it is wanted: another test's, which has none.
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    let door = Turnstile::new(1, Duration::from_millis(1));
    let late = door.ask(Method::GET).await;
    door.turns.add_permits(1);
    let good = door.ask(Method::GET).await;
    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let lines: Vec<serde_json::Value> = logged
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 2, "{logged}");
    for (line, answer) in lines.iter().zip([late, good]) {
        let span = &line["span"];
        let id = answer.headers()[REQUEST_ID].to_str().unwrap();
        assert_eq!(span["request.id"], id);
        assert_eq!(span["url.path"], "/path");
        assert_eq!(span["listener"], "turnstile");
        assert_eq!(line["fields"]["http.status"], answer.status().as_u16());
    }
}
