//! The gate of an agent: whether a runtime asks one, and whether a container that must be
//! refused is refused.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::arguments::Node;
use super::containerd::Containerd;
use super::{files, tool};
use crate::cli::failure::Failure;
use crate::diagnosis::{Diagnosis, Gravity};
use crate::node_agent::{CanaryOutcome, CriClient, send_canary};
use crate::nodes::Runtime;
use crate::nodes::doctor::{NriCheck, NriSettings, NriState, OnNode, RuntimeVersion};

pub const CRIO_SOCKET: &str = "/var/run/crio/crio.sock";
/// Where an agent keeps its snapshot: who has one there wants it asked.
const KEPT_SNAPSHOT: &str = "snapshot";

/// One runtime, and how an agent would be asked by it.
#[derive(Debug)]
pub struct AgentGate {
    pub runtime: Runtime,
    /// As the runtime tells it; empty: it is not known.
    pub version: String,
    pub state: NriState,
    pub nri_socket: PathBuf,
    /// `None`: no canary was sent.
    pub canary: Option<CanaryOutcome>,
    cri_socket: PathBuf,
    file: PathBuf,
    is_live: bool,
}

/// Whether this node is to have an agent: somebody says so, or one kept a snapshot here.
pub fn is_wanted(node: &Node) -> bool {
    let kept = node.agent_state_dir.join(KEPT_SNAPSHOT);
    node.agent || node.agent_only || kept.exists()
}

impl AgentGate {
    pub async fn of_containerd(node: &Node, containerd: &Containerd) -> Self {
        let cri = node.cri_socket.as_deref();
        let cri = cri.unwrap_or(containerd.address());
        let settings = containerd.nri();
        let file = containerd.config();
        Self::new(node, Runtime::Containerd, settings, file, cri).await
    }

    pub async fn of_crio(node: &Node) -> Result<Self, Failure> {
        let texts = files::with_drop_ins(&node.crio_dir, "crio")?;
        let settings = NriSettings::of_crio(texts.iter().map(|file| file.text.as_str()));
        let file = node.crio_dir.join("crio.conf");
        let cri = node.cri_socket.as_deref();
        let cri = cri.unwrap_or(Path::new(CRIO_SOCKET));
        Ok(Self::new(node, Runtime::Crio, &settings, &file, cri).await)
    }

    /// Of a runtime that has no NRI in any version.
    pub async fn of_other(node: &Node, runtime: Runtime) -> Self {
        let (none, nowhere) = (NriSettings::default(), Path::new(runtime.as_str()));
        Self::new(node, runtime, &none, nowhere, nowhere).await
    }

    async fn new(
        node: &Node,
        runtime: Runtime,
        settings: &NriSettings,
        file: &Path,
        cri_socket: &Path,
    ) -> Self {
        let is_live = !node.files_only;
        let version = version(runtime, is_live.then_some(cri_socket)).await;
        let named = node.nri_socket.clone();
        Self {
            runtime,
            state: settings.state(runtime, RuntimeVersion::parse(&version)),
            version,
            nri_socket: named.unwrap_or_else(|| PathBuf::from(settings.socket())),
            canary: None,
            cri_socket: cri_socket.to_owned(),
            file: file.to_owned(),
            is_live,
        }
    }

    /// Sends a canary where something could refuse it.
    pub async fn send_canary(&mut self) {
        let is_asked = matches!(self.state, NriState::On | NriState::Unknown);
        if self.is_live && is_asked {
            let cri = CriClient::new(self.cri_socket.clone());
            self.canary = Some(send_canary(&cri).await);
        }
    }

    pub fn findings(&self, is_wanted: bool) -> Vec<Diagnosis<OnNode>> {
        let [file, socket] = [&self.file, &self.nri_socket].map(|path| path.display().to_string());
        let check = NriCheck {
            runtime: self.runtime,
            version: &self.version,
            state: self.state,
            file: &file,
            socket: &socket,
            is_socket_there: self.is_live.then(|| self.nri_socket.exists()),
        };
        if !is_wanted {
            return vec![check.unwanted()];
        }
        let mut found = check.findings();
        // A refusal shows that it is on, whatever is known of its version.
        if matches!(self.canary, Some(CanaryOutcome::Refused(_))) {
            found.retain(|it| it.gravity == Gravity::Note);
        }
        found.extend(self.canary.as_ref().and_then(|sent| self.of_canary(sent)));
        found
    }

    fn of_canary(&self, sent: &CanaryOutcome) -> Option<Diagnosis<OnNode>> {
        let found = |gravity, what| {
            let place = self.cri_socket.display().to_string();
            let runtime = self.runtime;
            Diagnosis::new(OnNode { runtime, place }, gravity, what)
        };
        match sent {
            CanaryOutcome::Refused(_) => None,
            CanaryOutcome::LetStart => Some(
                found(
                    Gravity::Wrong,
                    "a container that must be refused was created",
                )
                .why("no agent is asked, or it holds no snapshot yet: what was revoked starts again")
                .next(
                    "start `sekisho node agent`; where it runs, its log and its /readyz say what it \
                     lacks",
                ),
            ),
            CanaryOutcome::Failed(why) => Some(
                found(Gravity::Unknown, "no canary could be sent")
                    .why(why.as_str())
                    .next(
                        "run it as root, with the CRI of a runtime that holds an image as --cri-socket",
                    ),
            ),
        }
    }
}

/// What the runtime that runs says, else the program that lies here.
async fn version(runtime: Runtime, cri_socket: Option<&Path>) -> String {
    if let Some(socket) = cri_socket.filter(|socket| socket.exists()) {
        let cri = CriClient::new(socket.to_owned());
        if let Ok(version) = cri.runtime_version().await {
            return version;
        }
    }
    let name = match runtime {
        Runtime::Containerd => "containerd",
        Runtime::Crio => "crio",
        Runtime::Docker | Runtime::Podman => return String::new(),
    };
    let Some(program) = tool::find(name) else {
        return String::new();
    };
    let mut ask = Command::new(program);
    ask.arg("--version");
    let said = tool::run(ask).await;
    let line = said.map(|said| said.stdout).unwrap_or_default();
    RuntimeVersion::in_line(&line).map_or_else(String::new, |(_, word)| word.to_owned())
}
