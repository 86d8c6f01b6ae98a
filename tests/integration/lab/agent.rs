//! A node's agent, as its users start it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::process::{Signal, kill_process};

use super::{Part, eventually, free_port, get};

/// For what takes no time but where the machine is busy.
const WITHIN: Duration = Duration::from_secs(60);

/// What an agent is started with.
#[derive(Clone, Debug)]
pub struct AgentSetup<'a> {
    /// Names its log and its state folder.
    pub name: &'a str,
    /// Where these lie, beside `snapshot.pub`.
    pub folder: &'a Path,
    pub gateways: Vec<String>,
    pub environment: &'a str,
    pub nri_socket: PathBuf,
    pub cri_socket: PathBuf,
    pub canary_every: &'a str,
    /// Further arguments.
    pub more: Vec<String>,
}

#[derive(Debug)]
pub struct Agent {
    part: Part,
    address: String,
}

impl Agent {
    /// One that the runtime asks.
    pub fn start(setup: &AgentSetup) -> Self {
        let mut agent = Self::spawn(setup);
        agent.is_asked();
        agent
    }

    /// One that may not be asked yet.
    fn spawn(setup: &AgentSetup) -> Self {
        let address = format!("127.0.0.1:{}", free_port());
        let (folder, name) = (setup.folder, setup.name);
        let mut command = Command::new(env!("CARGO_BIN_EXE_sekisho"));
        command.args(["node", "agent", "--gateway", &setup.gateways.join(",")]);
        command.args(["--environment", setup.environment, "--node", "node1"]);
        command.args(["--metrics", &address]);
        command.args(["--canary-every", setup.canary_every]);
        for (argument, path) in [
            ("--key", &folder.join("snapshot.pub")),
            ("--state-dir", &folder.join(name)),
            ("--nri-socket", &setup.nri_socket),
            ("--cri-socket", &setup.cri_socket),
        ] {
            command.arg(argument).arg(path);
        }
        command.args(&setup.more);
        let part = Part::start(name, &command, &folder.join(format!("{name}.log")));
        Self { part, address }
    }

    /// Its metrics; empty: it does not answer.
    pub fn page(&self) -> String {
        let page = get(&self.address, "/metrics").map(|answer| answer.text());
        page.unwrap_or_default()
    }

    /// The memory that it holds.
    pub fn resident_kib(&self) -> u64 {
        let pid = self.part.id().as_raw_nonzero();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let words = line.unwrap().split_whitespace().next();
        words.unwrap().parse().unwrap()
    }

    pub fn is_asked(&mut self) {
        let address = self.address.clone();
        self.part.ready(|| {
            let page = get(&address, "/metrics")?.text();
            // Not the line of its meaning, which begins so.
            page.contains("sekisho_agent_runtime_connected 1\n")
                .then_some(())
        });
    }

    /// Waits for this line of its metrics.
    #[track_caller]
    pub fn shows(&self, line: &str) {
        let line = format!("{line}\n");
        eventually(&line, WITHIN, || self.page().contains(&line).then_some(()));
    }

    #[track_caller]
    pub fn holds(&self, snapshot: u64) {
        self.shows(&format!("sekisho_agent_snapshot_sequence {snapshot}"));
    }

    #[track_caller]
    pub fn has_seen_its_canary_refused(&self) {
        self.shows("sekisho_agent_canary_refused 1");
    }

    /// Stops it as it is, or lets it go on.
    pub fn freeze(&self, is_frozen: bool) {
        let signal = match is_frozen {
            true => Signal::STOP,
            false => Signal::CONT,
        };
        kill_process(self.part.id(), signal).unwrap();
    }

    /// Kills it without a warning.
    pub fn kill(&mut self) {
        self.part.kill();
    }
}
