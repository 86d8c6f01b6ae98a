//! What is asked of a runtime's CRI, which is played here.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use h2::server::SendResponse;
use http::{HeaderMap, HeaderValue, Request, Response};
use prost::Message;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Barrier;
use tokio::time::timeout;

use super::kit::{ENVIRONMENT, container, digest, key, now, terms};
use crate::clock::Clock;
use crate::metrics::AgentMetrics;
use crate::node_agent::cri_messages::{
    ListPodSandboxResponse, PodSandboxItem, PodSandboxRequest, StopContainerRequest,
};
use crate::node_agent::event_queue::EventQueue;
use crate::node_agent::evictions::Evictions;
use crate::node_agent::exemption::Exemptions;
use crate::node_agent::snapshot_keeper::SnapshotKeeper;
use crate::node_agent::state_folder::StateFolder;
use crate::node_agent::{CanaryOutcome, CriClient, send_canary};
use crate::node_snapshot::{AgentMode, NodeSnapshot, OnRevoked, SignedSnapshot, SnapshotTerms};
use crate::nri::ContainerInPod;
use crate::tasks::Tasks;

const WITHIN: Duration = Duration::from_secs(30);

/// What was asked: the method, and the message.
type Asked = Arc<Mutex<Vec<(String, Bytes)>>>;

/// A runtime with these sandboxes, which ends containers once two are to be
/// ended at the same time.
struct PlayedRuntime {
    asked: Asked,
    ends: Barrier,
    sandboxes: ListPodSandboxResponse,
}

fn play(folder: &Path, tasks: &Tasks, sandboxes: Vec<PodSandboxItem>) -> (PathBuf, Asked) {
    let socket = folder.join("cri.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let runtime = Arc::new(PlayedRuntime {
        asked: Asked::default(),
        ends: Barrier::new(2),
        sandboxes: ListPodSandboxResponse { items: sandboxes },
    });
    let asked = runtime.asked.clone();
    let connections = tasks.clone();
    tasks.spawn_isolated("cri", async move {
        while let Ok((stream, _)) = listener.accept().await {
            connections.spawn_isolated("call", runtime.clone().serve(stream));
        }
    });
    (socket, asked)
}

impl PlayedRuntime {
    /// Each client asks once by a connection.
    async fn serve(self: Arc<Self>, stream: UnixStream) {
        let mut connection = h2::server::handshake(stream).await.unwrap();
        let Some(Ok((request, respond))) = connection.accept().await else {
            return;
        };
        tokio::join!(self.answer(request, respond), async {
            while connection.accept().await.is_some() {}
        });
    }

    async fn answer(&self, request: Request<h2::RecvStream>, mut respond: SendResponse<Bytes>) {
        let method = request.uri().path().rsplit('/').next().unwrap().to_owned();
        let mut body = request.into_body();
        let mut question = BytesMut::new();
        while let Some(part) = body.data().await {
            question.extend_from_slice(&part.unwrap());
        }
        let question = question.freeze().slice(5..);
        self.asked.lock().unwrap().push((method.clone(), question));
        let message = match method.as_str() {
            "ListPodSandbox" => self.sandboxes.encode_to_vec(),
            "StopContainer" => {
                self.ends.wait().await;
                Vec::new()
            }
            _ => Vec::new(),
        };
        let response = Response::builder().body(()).unwrap();
        let mut sending = respond.send_response(response, false).unwrap();
        let mut framed = BytesMut::new();
        framed.put_u8(0);
        framed.put_u32(u32::try_from(message.len()).unwrap());
        framed.put_slice(&message);
        sending.send_data(framed.freeze(), false).unwrap();
        let status = HeaderMap::from_iter([("grpc-status".parse().unwrap(), HeaderValue::from(0))]);
        sending.send_trailers(status).unwrap();
    }
}

/// The messages of one method, in their order.
fn questions<M: Message + Default>(asked: &Asked, method: &str) -> Vec<M> {
    let asked = asked.lock().unwrap();
    let of_it = asked.iter().filter(|(it, _)| it == method);
    of_it
        .map(|(_, bytes)| M::decode(bytes.clone()).unwrap())
        .collect()
}

#[tokio::test]
async fn what_has_to_end_waits_for_the_grace_of_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let (tasks, metrics) = (Tasks::new(), AgentMetrics::new());
    let (socket, asked) = play(folder.path(), &tasks, Vec::new());
    let keeper = Arc::new(SnapshotKeeper::open(
        ENVIRONMENT.to_owned(),
        vec![key(1).public_key()],
        StateFolder::new(&folder.path().join("state")),
        metrics.clone(),
    ));
    let terms = SnapshotTerms {
        on_revoked: OnRevoked::Evict,
        ..terms(1, AgentMode::Enforce)
    };
    let snapshot = NodeSnapshot::new(terms, [(digest("bad"), "revoked")], []);
    let signed = SignedSnapshot::sign(snapshot, &key(1));
    keeper.take(&signed.to_bytes(), now()).unwrap();
    let events = Arc::new(EventQueue::default());
    let [bad, other] = [container(&["bad"]), container(&["good"])];
    let named = |id: &str, it: &ContainerInPod| ContainerInPod {
        id: id.to_owned(),
        ..it.clone()
    };
    events.synchronized(&[named("1", &bad), named("2", &bad), named("3", &other)]);
    let evictions = Evictions {
        keeper,
        events: events.clone(),
        cri: CriClient::new(socket),
        exemptions: Exemptions::default(),
        metrics: metrics.clone(),
        clock: Clock::system(),
    };
    let both = async {
        while metrics.evictions.get() < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        () = evictions.follow() => {}
        ended = timeout(WITHIN, both) => ended.unwrap(),
    }
    let mut stopped: Vec<String> = questions(&asked, "StopContainer")
        .into_iter()
        .map(|it: StopContainerRequest| it.container_id)
        .collect();
    stopped.sort_unstable();
    assert_eq!(stopped, ["1", "2"]);
    let running: Vec<String> = events.running().into_iter().map(|it| it.id).collect();
    assert_eq!(running, ["3"]);
}

#[tokio::test]
async fn a_canary_takes_along_what_killed_senders_left() {
    let folder = tempfile::tempdir().unwrap();
    let tasks = Tasks::new();
    let now = i64::try_from(Clock::system().now().as_nanosecond()).unwrap();
    let item = |id: &str, created_at| PodSandboxItem {
        id: id.to_owned(),
        created_at,
    };
    let hour = i64::try_from(Duration::from_secs(3600).as_nanos()).unwrap();
    let sandboxes = vec![item("of-another-now", now), item("left", now - hour)];
    let (socket, asked) = play(folder.path(), &tasks, sandboxes);
    let sent = send_canary(&CriClient::new(socket)).await;
    assert!(matches!(sent, CanaryOutcome::Failed(_)), "{sent:?}");
    let removed: Vec<PodSandboxRequest> = questions(&asked, "RemovePodSandbox");
    let removed: Vec<String> = removed.into_iter().map(|it| it.pod_sandbox_id).collect();
    assert_eq!(removed, ["left"]);
}
