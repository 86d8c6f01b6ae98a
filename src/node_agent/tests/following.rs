//! What an agent asks of gateways, which are played here.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

use super::kit::{ENVIRONMENT, key, now, snapshot};
use crate::api::NodeSnapshotQuery;
use crate::clock::Clock;
use crate::metrics::{AgentMetrics, CanaryEnd, CanaryLabels};
use crate::node_agent::canaries::Canaries;
use crate::node_agent::event_queue::EventQueue;
use crate::node_agent::follower::Follower;
use crate::node_agent::gateway::Gateways;
use crate::node_agent::snapshot_keeper::SnapshotKeeper;
use crate::node_agent::state_folder::StateFolder;
use crate::node_agent::{CriClient, GatewayAccess};
use crate::node_snapshot::AgentMode;
use crate::tasks::{HeavyWork, Tasks};

const WITHIN: Duration = Duration::from_secs(30);
const HOUR: Duration = Duration::from_secs(3600);

/// Answers each connection's first bytes, or hangs. Its address without a scheme.
async fn gateway(tasks: &Tasks, answer: fn(&str) -> Option<Vec<u8>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let connections = tasks.clone();
    tasks.spawn_isolated("gateway", async move {
        while let Ok((stream, _)) = listener.accept().await {
            connections.spawn_isolated("connection", serve(stream, answer));
        }
    });
    address
}

async fn serve(mut stream: TcpStream, answer: fn(&str) -> Option<Vec<u8>>) {
    let mut buffer = [0; 4096];
    while let Ok(read @ 1..) = stream.read(&mut buffer).await {
        let asked = String::from_utf8_lossy(&buffer[..read]).into_owned();
        match answer(&asked) {
            Some(said) => stream.write_all(&said).await.unwrap(),
            None => sleep(HOUR).await,
        }
    }
}

fn gateways(url: &str) -> Gateways {
    let access = GatewayAccess {
        gateways: vec![url.parse().unwrap()],
        token_file: None,
        client_certificate: None,
        ca: None,
    };
    Gateways::new(access).unwrap()
}

/// That holds a snapshot.
fn keeper(metrics: &AgentMetrics) -> Arc<SnapshotKeeper> {
    let folder = tempfile::tempdir().unwrap();
    let keeper = SnapshotKeeper::open(
        ENVIRONMENT.to_owned(),
        vec![key(1).public_key()],
        StateFolder::new(&folder.path().join("state")),
        metrics.clone(),
    );
    let held = snapshot(7, AgentMode::Enforce).to_bytes();
    keeper.take(&held, now()).unwrap();
    Arc::new(keeper)
}

#[tokio::test]
async fn a_gateway_is_known_to_answer_before_an_agent_waits_for_news() {
    let (tasks, metrics) = (Tasks::new(), AgentMetrics::new());
    let address = gateway(&tasks, |asked| {
        let waits = asked.contains("wait=20");
        (!waits).then(|| b"HTTP/1.1 304 Not Modified\r\n\r\n".to_vec())
    })
    .await;
    let follower = Arc::new(Follower {
        node: "node1".to_owned(),
        gateways: gateways(&format!("http://{address}")),
        keeper: keeper(&metrics),
        events: Arc::new(EventQueue::default()),
        metrics: metrics.clone(),
        clock: Clock::system(),
        heavy: HeavyWork::new(),
    });
    let reached = async {
        while metrics.gateway_reached.get() != 1 {
            sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        () = follower.follow_snapshots() => {}
        reached = timeout(WITHIN, reached) => reached.unwrap(),
    }
}

async fn why_nothing_comes(url: &str) -> String {
    let query = NodeSnapshotQuery::default();
    let asked = gateways(url).snapshot(&query).await;
    asked.unwrap_err().to_string()
}

#[tokio::test]
async fn the_other_scheme_is_told_where_this_one_is_not_spoken() {
    let tasks = Tasks::new();
    // A TLS alert: a fatal one, for a record that is none.
    let tls = gateway(&tasks, |_| Some(vec![21, 3, 3, 0, 2, 2, 70])).await;
    let told = why_nothing_comes(&format!("http://{tls}")).await;
    assert!(told.contains("write https://"), "{told}");
    let plain = gateway(&tasks, |_| {
        Some(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n".to_vec())
    })
    .await;
    let told = why_nothing_comes(&format!("https://{plain}")).await;
    assert!(told.contains("give that listener tls"), "{told}");
}

#[tokio::test]
async fn what_a_gateway_advises_is_told_as_a_sentence() {
    let tasks = Tasks::new();
    let address = gateway(&tasks, |_| {
        let body = r#"{"error":{"code":"unauthenticated","message":"that token expired",
                       "next_step":"make another one"}}"#;
        let head = "HTTP/1.1 401 Unauthorized\r\ncontent-type: application/json";
        Some(format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into())
    })
    .await;
    let told = why_nothing_comes(&format!("http://{address}")).await;
    assert_eq!(
        told,
        "it answered 401: that token expired; make another one"
    );
}

#[tokio::test]
async fn the_first_canary_is_sent_once_it_would_be_refused() {
    let metrics = AgentMetrics::new();
    metrics.runtime_connected.set(1);
    let canaries = Canaries {
        keeper: keeper(&metrics),
        cri: CriClient::new("/nonexistent/cri.sock".into()),
        every: HOUR,
        left_alone: Duration::ZERO,
        metrics: metrics.clone(),
    };
    let failed = CanaryLabels {
        end: CanaryEnd::Failed,
    };
    let sent = async {
        while metrics.canaries.get_or_create(&failed).get() == 0 {
            sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        () = canaries.follow() => {}
        sent = timeout(WITHIN, sent) => sent.unwrap(),
    }
}
