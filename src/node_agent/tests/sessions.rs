//! A whole session, with a runtime that is played here.

use std::sync::Arc;

use prost::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use super::kit::{ENVIRONMENT, digest, key, now, snapshot};
use crate::clock::Clock;
use crate::metrics::AgentMetrics;
use crate::node_agent::answerer::Answerer;
use crate::node_agent::event_queue::EventQueue;
use crate::node_agent::exemption::Exemptions;
use crate::node_agent::runtime::one_session;
use crate::node_agent::snapshot_keeper::SnapshotKeeper;
use crate::node_agent::state_folder::StateFolder;
use crate::node_snapshot::AgentMode;
use crate::tasks::Tasks;

/// Requests and responses as runtimes write them: the messages of NRI, field by field.
#[derive(Clone, PartialEq, Message)]
struct Question {
    #[prost(string, tag = "1")]
    service: String,
    #[prost(string, tag = "2")]
    method: String,
    #[prost(bytes = "vec", tag = "3")]
    payload: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct Answer {
    #[prost(message, optional, tag = "1")]
    status: Option<Status>,
    #[prost(bytes = "vec", tag = "2")]
    payload: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct Status {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
}

#[derive(Clone, PartialEq, Message)]
struct Image {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    digest: String,
}

#[derive(Clone, PartialEq, Message)]
struct Container {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(message, optional, tag = "22")]
    image: Option<Image>,
}

#[derive(Clone, PartialEq, Message)]
struct Create {
    #[prost(message, optional, tag = "2")]
    container: Option<Container>,
}

/// A runtime with one plugin.
struct Runtime {
    stream: DuplexStream,
    next: u32,
}

impl Runtime {
    async fn frame(&mut self) -> (u32, u32, Vec<u8>) {
        let connection = self.stream.read_u32().await.unwrap();
        let length = self.stream.read_u32().await.unwrap();
        assert_eq!(self.stream.read_u32().await.unwrap() + 10, length);
        let stream = self.stream.read_u32().await.unwrap();
        let _kind_and_flags = self.stream.read_u16().await.unwrap();
        let mut body = vec![0; length as usize - 10];
        self.stream.read_exact(&mut body).await.unwrap();
        (connection, stream, body)
    }

    async fn send(&mut self, connection: u32, stream: u32, kind: u8, body: &[u8]) {
        let length = u32::try_from(body.len()).unwrap();
        let mut bytes = Vec::new();
        for number in [connection, length + 10, length, stream] {
            bytes.extend(number.to_be_bytes());
        }
        bytes.extend([kind, 0]);
        bytes.extend(body);
        self.stream.write_all(&bytes).await.unwrap();
    }

    /// Takes the registration.
    async fn register(&mut self) {
        let (connection, stream, body) = self.frame().await;
        let asked = Question::decode(&body[..]).unwrap();
        assert_eq!((connection, stream), (2, 1));
        assert_eq!(asked.method, "RegisterPlugin");
        self.send(2, 1, 2, &Answer::default().encode_to_vec()).await;
    }

    async fn ask(&mut self, method: &str, payload: Vec<u8>) -> Answer {
        let asked = Question {
            service: "nri.pkg.api.v1alpha1.Plugin".to_owned(),
            method: method.to_owned(),
            payload,
        };
        let own = self.next;
        self.next += 2;
        self.send(1, own, 1, &asked.encode_to_vec()).await;
        let (connection, stream, body) = self.frame().await;
        assert_eq!((connection, stream), (1, own));
        Answer::decode(&body[..]).unwrap()
    }

    async fn create(&mut self, image: &str) -> Result<(), String> {
        let image = Some(Image {
            name: "gate.corp/team/app:1".to_owned(),
            digest: digest(image).to_string(),
        });
        let id = format!("c{}", self.next);
        let container = Some(Container { id, image });
        let payload = Create { container }.encode_to_vec();
        let answer = self.ask("CreateContainer", payload).await;
        let status = answer.status.unwrap_or_default();
        match status.code {
            0 => Ok(()),
            _ => Err(status.message),
        }
    }
}

struct Stage {
    runtime: Runtime,
    keeper: Arc<SnapshotKeeper>,
    metrics: AgentMetrics,
    tasks: Tasks,
    _folder: tempfile::TempDir,
}

fn stage() -> Stage {
    let folder = tempfile::tempdir().unwrap();
    let metrics = AgentMetrics::new();
    let keeper = Arc::new(SnapshotKeeper::open(
        ENVIRONMENT.to_owned(),
        vec![key(1).public_key()],
        StateFolder::new(folder.path()),
        metrics.clone(),
    ));
    let answerer = Answerer {
        keeper: keeper.clone(),
        exemptions: Exemptions::default(),
        events: Arc::new(EventQueue::default()),
        cri: None,
        metrics: metrics.clone(),
        clock: Clock::system(),
    };
    let (own, other) = tokio::io::duplex(64 << 10);
    let tasks = Tasks::new();
    tasks.spawn_isolated("session", async move {
        let _ = one_session(own, &answerer).await;
    });
    Stage {
        runtime: Runtime {
            stream: other,
            next: 1,
        },
        keeper,
        metrics,
        tasks,
        _folder: folder,
    }
}

#[tokio::test]
async fn refuses_from_the_moment_a_snapshot_is_in_force() {
    let mut stage = stage();
    stage.runtime.register().await;
    stage.runtime.ask("Configure", Vec::new()).await;
    stage.runtime.ask("Synchronize", Vec::new()).await;
    assert_eq!(stage.runtime.create("bad").await, Ok(()));
    let first = snapshot(7, AgentMode::Enforce).to_bytes();
    stage.keeper.take(&first, now()).unwrap();
    let refused = stage.runtime.create("bad").await.unwrap_err();
    assert!(
        refused.starts_with("sekisho: revoked: sha256:"),
        "{refused}"
    );
    assert_eq!(stage.runtime.create("good").await, Ok(()));
    let lenient = snapshot(8, AgentMode::Audit).to_bytes();
    stage.keeper.take(&lenient, now()).unwrap();
    assert_eq!(stage.runtime.create("bad").await, Ok(()));
}

#[tokio::test]
async fn answers_a_burst_of_a_thousand() {
    let mut stage = stage();
    let first = snapshot(7, AgentMode::Enforce).to_bytes();
    stage.keeper.take(&first, now()).unwrap();
    stage.runtime.register().await;
    for number in 0..1000 {
        let image = ["good", "bad", "other"][number % 3];
        assert_eq!(stage.runtime.create(image).await.is_err(), image == "bad");
    }
    let page = stage.metrics.encode();
    for counted in [
        "sekisho_agent_starts_total{outcome=\"refused\"} 333",
        "sekisho_agent_starts_total{outcome=\"permitted\"} 667",
        "sekisho_agent_answer_seconds_count 1000",
    ] {
        assert!(page.contains(counted), "{page}");
    }
}

#[tokio::test]
async fn a_session_ends_with_what_is_no_nri() {
    let mut stage = stage();
    stage.runtime.register().await;
    stage.runtime.stream.write_all(&[0xff; 64]).await.unwrap();
    let mut rest = Vec::new();
    stage.runtime.stream.read_to_end(&mut rest).await.unwrap();
    assert_eq!(rest, b"");
    stage.tasks.drain(std::time::Duration::from_secs(5)).await;
}
