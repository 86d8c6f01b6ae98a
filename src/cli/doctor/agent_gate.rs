//! The gate of an agent: whether a runtime asks one, and whether a container that must be
//! refused is refused.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::arguments::Node;
use super::containerd::Containerd;
use super::{files, tool};
use crate::cli::failure::Failure;
use crate::diagnosis::{Diagnosis, Gravity};
use crate::node_agent::{CanaryFailure, CanaryOutcome, CriClient, CriError, send_canary};
use crate::nodes::Runtime;
use crate::nodes::doctor::{NriCheck, NriSettings, NriState, OnNode, RuntimeVersion};

/// Of gRPC: nobody at that socket knows the method.
const UNIMPLEMENTED: u32 = 12;
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
    /// Whether there is something to ask: a runtime that lies here without running is told
    /// of once.
    is_here: bool,
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
            is_here: !is_live || cri_socket.exists(),
        }
    }

    /// Sends a canary where something could refuse it.
    pub async fn send_canary(&mut self) {
        if self.is_live && self.is_here && self.may_ask() {
            let cri = CriClient::new(self.cri_socket.clone());
            self.canary = Some(send_canary(&cri).await);
        }
    }

    fn may_ask(&self) -> bool {
        matches!(self.state, NriState::On | NriState::Unknown)
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
        if !self.is_here && self.may_ask() {
            return vec![self.absent()];
        }
        let mut found = check.findings();
        // A refusal shows that it is on, whatever is known of its version.
        if matches!(self.canary, Some(CanaryOutcome::Refused(_))) {
            found.retain(|it| it.gravity == Gravity::Note);
        }
        found.extend(self.canary.as_ref().and_then(|sent| self.of_canary(sent)));
        found
    }

    fn at_cri(&self, gravity: Gravity, what: &str) -> Diagnosis<OnNode> {
        let place = self.cri_socket.display().to_string();
        let runtime = self.runtime;
        Diagnosis::new(OnNode { runtime, place }, gravity, what)
    }

    fn absent(&self) -> Diagnosis<OnNode> {
        let runtime = self.runtime.as_str();
        self.at_cri(Gravity::Unknown, "there is no CRI socket")
            .why("without it nothing can be asked for, and whether an agent refuses is not seen")
            .next(format!(
                "start {runtime}, name its socket by --cri-socket, or name another --runtime"
            ))
    }

    fn of_canary(&self, sent: &CanaryOutcome) -> Option<Diagnosis<OnNode>> {
        let found = |gravity, what| self.at_cri(gravity, what);
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
                    .why(why.to_string())
                    .next(mend(why)),
            ),
        }
    }
}

/// What lets a canary be sent, after it could not.
fn mend(failure: &CanaryFailure) -> &'static str {
    let error = match failure {
        CanaryFailure::NoImage => {
            return "let a Pod start on this node once, so that the runtime has an image";
        }
        CanaryFailure::Runtime(error) => error,
    };
    match error {
        CriError::Socket(error) => match error.kind() {
            ErrorKind::PermissionDenied => "run it as root, whose the socket is",
            ErrorKind::ConnectionRefused => "start the runtime: nobody listens at its socket",
            _ => "name the socket of the runtime's CRI by --cri-socket",
        },
        CriError::Http(_) | CriError::Strange(_) => {
            "name the socket of the runtime's CRI by --cri-socket: another service answers there"
        }
        CriError::Refused { code, .. } if *code == UNIMPLEMENTED => {
            "switch the runtime's CRI on (in containerd, disabled_plugins must not name \"cri\")"
        }
        CriError::Refused { .. } => {
            "mend what the runtime says: until then it starts no Pod of the kubelet's, either"
        }
        CriError::TimedOut => "look into the runtime's log: it hangs, or is overloaded",
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

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn each_failure_of_a_canary_has_what_mends_it() {
        let socket = |kind: ErrorKind| CriError::Socket(io::Error::from(kind));
        let refused = |code| CriError::Refused {
            code,
            message: String::new(),
        };
        for (error, step) in [
            (socket(ErrorKind::PermissionDenied), "as root"),
            (socket(ErrorKind::ConnectionRefused), "start the runtime"),
            (socket(ErrorKind::NotFound), "--cri-socket"),
            (CriError::Strange("no status"), "another service"),
            (refused(UNIMPLEMENTED), "CRI on"),
            (refused(2), "what the runtime says"),
            (CriError::TimedOut, "log"),
        ] {
            let told = mend(&error.into());
            assert!(told.contains(step), "{step}: {told}");
        }
        assert!(mend(&CanaryFailure::NoImage).contains("image"));
    }
}
