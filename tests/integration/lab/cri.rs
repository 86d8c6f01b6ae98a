//! The Container Runtime Interface, asked as the kubelet asks it: Pods without a kubelet.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use prost::Message;
use tokio::net::UnixStream;
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

/// The namespace of the node itself.
const NODE: i32 = 2;
const RUNNING: i32 = 1;
/// What a container does: it ends when it is asked to.
const WAITS: &str = "trap 'exit 0' TERM; /bin/sleep 900 & wait";
const ANSWERS_WITHIN: Duration = Duration::from_secs(60);
/// Whether it is compressed, and its length.
const PREFIX: usize = 5;

/// A client of one runtime.
#[derive(Debug)]
pub struct Cri {
    socket: PathBuf,
    runtime: Runtime,
    /// How many containers it asked for: each has a name of its own.
    asked: AtomicU32,
}

/// A Pod on the network of its node.
#[derive(Clone, Debug)]
pub struct Sandbox {
    id: String,
    config: SandboxConfig,
}

impl Cri {
    pub fn at(socket: &Path) -> Self {
        Self {
            socket: socket.to_owned(),
            runtime: Builder::new_current_thread().enable_all().build().unwrap(),
            asked: AtomicU32::new(0),
        }
    }

    /// Pulls as a kubelet does.
    pub fn pull(&self, image: &str) -> Result<(), String> {
        let image = Some(ImageSpec {
            image: image.to_owned(),
        });
        self.call("ImageService/PullImage", &OfImage { image })
            .map(|Nothing {}| ())
    }

    /// A Pod of that name, which runs.
    #[track_caller]
    pub fn sandbox(&self, namespace: &str, name: &str) -> Sandbox {
        let config = SandboxConfig::new(namespace, name);
        let asked = RunSandbox {
            config: Some(config.clone()),
        };
        let made: Result<Id, String> = self.call("RuntimeService/RunPodSandbox", &asked);
        let id = made.unwrap_or_else(|error| panic!("{error}")).id;
        Sandbox { id, config }
    }

    /// A container in it, by the name of an image that lies here; or what the runtime says
    /// instead.
    pub fn create(&self, sandbox: &Sandbox, image: &str) -> Result<String, String> {
        let attempt = self.asked.fetch_add(1, Ordering::Relaxed);
        let config = ContainerConfig::new(attempt, image);
        let asked = CreateContainer {
            pod_sandbox_id: sandbox.id.clone(),
            config: Some(config),
            sandbox_config: Some(sandbox.config.clone()),
        };
        self.call("RuntimeService/CreateContainer", &asked)
            .map(|made: Id| made.id)
    }

    #[track_caller]
    pub fn start(&self, container: &str) {
        let Nothing {} = self.done("RuntimeService/StartContainer", container);
    }

    #[track_caller]
    pub fn runs(&self, container: &str) -> bool {
        let told: ContainerStatus = self.done("RuntimeService/ContainerStatus", container);
        told.status.is_some_and(|status| status.state == RUNNING)
    }

    #[track_caller]
    pub fn remove(&self, container: &str) {
        let Nothing {} = self.done("RuntimeService/RemoveContainer", container);
    }

    #[track_caller]
    fn done<A: Message + Default>(&self, method: &str, id: &str) -> A {
        let asked = Id { id: id.to_owned() };
        let answer = self.call(method, &asked);
        answer.unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    fn call<A: Message + Default>(&self, method: &str, asked: &impl Message) -> Result<A, String> {
        let exchanged = exchange(&self.socket, method, framed(asked));
        let answer = self
            .runtime
            .block_on(async { timeout(ANSWERS_WITHIN, exchanged).await });
        let body = answer.map_err(|_| "no answer in time".to_owned())??;
        let message = body.get(PREFIX..).ok_or("no answer")?;
        A::decode(message).map_err(|error| error.to_string())
    }
}

fn framed(message: &impl Message) -> Bytes {
    let bytes = message.encode_to_vec();
    let mut framed = BytesMut::with_capacity(PREFIX + bytes.len());
    framed.put_u8(0);
    framed.put_u32(u32::try_from(bytes.len()).unwrap());
    framed.put_slice(&bytes);
    framed.freeze()
}

/// One call of gRPC: the answer, or the text of its status.
async fn exchange(socket: &Path, method: &str, body: Bytes) -> Result<Bytes, String> {
    let stream = UnixStream::connect(socket).await;
    let stream = stream.map_err(|error| error.to_string())?;
    let (send, connection) = h2::client::handshake(stream).await.map_err(text)?;
    let asked = async {
        let request = http::Request::post(format!("http://localhost/runtime.v1.{method}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        let mut send = send.ready().await.map_err(text)?;
        let request = request.body(()).unwrap();
        let (response, mut sending) = send.send_request(request, false).map_err(text)?;
        sending.send_data(body, true).map_err(text)?;
        let response = response.await.map_err(text)?;
        said(response.headers())?;
        let mut receiving = response.into_body();
        let mut whole = BytesMut::new();
        while let Some(part) = receiving.data().await {
            let part = part.map_err(text)?;
            let _ = receiving.flow_control().release_capacity(part.len());
            whole.extend_from_slice(&part);
        }
        let trailers = receiving.trailers().await.map_err(text)?;
        said(&trailers.unwrap_or_default())?;
        Ok(whole.freeze())
    };
    tokio::select! {
        answered = asked => answered,
        ended = connection => Err(format!("the connection ended: {ended:?}")),
    }
}

fn text(error: h2::Error) -> String {
    error.to_string()
}

fn said(headers: &http::HeaderMap) -> Result<(), String> {
    let word = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match word("grpc-status") {
        None | Some("0") => Ok(()),
        Some(_) => Err(word("grpc-message").unwrap_or_default().to_owned()),
    }
}

/// Of a container or a sandbox, asked for or made.
#[derive(Clone, PartialEq, Message)]
struct Id {
    #[prost(string, tag = "1")]
    id: String,
}

#[derive(Clone, PartialEq, Message)]
struct Nothing {}

#[derive(Clone, PartialEq, Message)]
struct ImageSpec {
    #[prost(string, tag = "1")]
    image: String,
}

#[derive(Clone, PartialEq, Message)]
struct OfImage {
    #[prost(message, optional, tag = "1")]
    image: Option<ImageSpec>,
}

#[derive(Clone, PartialEq, Message)]
struct SandboxMetadata {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    uid: String,
    #[prost(string, tag = "3")]
    namespace: String,
}

#[derive(Clone, PartialEq, Message)]
struct SandboxConfig {
    #[prost(message, optional, tag = "1")]
    metadata: Option<SandboxMetadata>,
    #[prost(map = "string, string", tag = "7")]
    annotations: HashMap<String, String>,
    #[prost(message, optional, tag = "8")]
    linux: Option<LinuxSandbox>,
}

impl SandboxConfig {
    fn new(namespace: &str, name: &str) -> Self {
        let security_context = Some(LinuxSandboxSecurity {
            namespaces: Some(Namespaces { network: NODE }),
        });
        let metadata = SandboxMetadata {
            name: name.to_owned(),
            uid: format!("uid-{name}"),
            namespace: namespace.to_owned(),
        };
        Self {
            metadata: Some(metadata),
            annotations: HashMap::new(),
            linux: Some(LinuxSandbox { security_context }),
        }
    }
}

#[derive(Clone, PartialEq, Message)]
struct LinuxSandbox {
    #[prost(message, optional, tag = "2")]
    security_context: Option<LinuxSandboxSecurity>,
}

#[derive(Clone, PartialEq, Message)]
struct LinuxSandboxSecurity {
    #[prost(message, optional, tag = "1")]
    namespaces: Option<Namespaces>,
}

#[derive(Clone, PartialEq, Message)]
struct Namespaces {
    #[prost(int32, tag = "1")]
    network: i32,
}

#[derive(Clone, PartialEq, Message)]
struct RunSandbox {
    #[prost(message, optional, tag = "1")]
    config: Option<SandboxConfig>,
}

#[derive(Clone, PartialEq, Message)]
struct ContainerMetadata {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(uint32, tag = "2")]
    attempt: u32,
}

#[derive(Clone, PartialEq, Message)]
struct LinuxContainer {
    #[prost(message, optional, tag = "2")]
    security_context: Option<LinuxContainerSecurity>,
}

#[derive(Clone, PartialEq, Message)]
struct LinuxContainerSecurity {
    #[prost(message, optional, tag = "3")]
    namespaces: Option<Namespaces>,
}

#[derive(Clone, PartialEq, Message)]
struct ContainerConfig {
    #[prost(message, optional, tag = "1")]
    metadata: Option<ContainerMetadata>,
    #[prost(message, optional, tag = "2")]
    image: Option<ImageSpec>,
    #[prost(string, repeated, tag = "3")]
    command: Vec<String>,
    #[prost(message, optional, tag = "15")]
    linux: Option<LinuxContainer>,
}

impl ContainerConfig {
    fn new(attempt: u32, image: &str) -> Self {
        let security_context = Some(LinuxContainerSecurity {
            namespaces: Some(Namespaces { network: NODE }),
        });
        Self {
            metadata: Some(ContainerMetadata {
                name: "main".to_owned(),
                attempt,
            }),
            image: Some(ImageSpec {
                image: image.to_owned(),
            }),
            command: ["/bin/sh", "-c", WAITS].map(str::to_owned).to_vec(),
            linux: Some(LinuxContainer { security_context }),
        }
    }
}

#[derive(Clone, PartialEq, Message)]
struct CreateContainer {
    #[prost(string, tag = "1")]
    pod_sandbox_id: String,
    #[prost(message, optional, tag = "2")]
    config: Option<ContainerConfig>,
    #[prost(message, optional, tag = "3")]
    sandbox_config: Option<SandboxConfig>,
}

#[derive(Clone, PartialEq, Message)]
struct ContainerStatus {
    #[prost(message, optional, tag = "1")]
    status: Option<Status>,
}

#[derive(Clone, PartialEq, Message)]
struct Status {
    #[prost(int32, tag = "3")]
    state: i32,
}
