//! `doctor node --agent`: whether the runtime asks an agent, and whether it refuses.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use super::stage::Stage;
use crate::lab::kubernetes::BareNode;
use crate::lab::{
    Agent, AgentSetup, Containerd, Missing, Origin, Outcome, Release, or_skip, outcome,
};

/// Where nothing is.
const NOWHERE: &str = "/nonexistent";

/// The runtime that is looked at.
struct Place {
    programs: PathBuf,
    config: PathBuf,
    socket: PathBuf,
    /// Where an agent would keep its snapshot.
    state: PathBuf,
}

impl Place {
    /// One on which no agent ever kept a snapshot.
    fn of(node: &BareNode) -> Self {
        Self {
            programs: node.programs().to_owned(),
            config: node.config(),
            socket: node.cri_socket(),
            state: PathBuf::from(NOWHERE),
        }
    }

    fn doctor(&self, arguments: &[&str]) -> Outcome {
        let path = std::env::var("PATH").unwrap_or_default();
        outcome(
            Command::new(env!("CARGO_BIN_EXE_sekisho"))
                .args(["doctor", "node", "--runtime", "containerd"])
                .arg("--containerd-config")
                .arg(&self.config)
                .arg("--containerd-address")
                .arg(&self.socket)
                .arg("--agent-state-dir")
                .arg(&self.state)
                .args(arguments)
                .env("PATH", format!("{}:{path}", self.programs.display())),
        )
    }

    fn report(&self, arguments: &[&str]) -> Report {
        let said = self.doctor(&[arguments, &["--output", "json"]].concat());
        let body = serde_json::from_str(&said.stdout);
        Report {
            code: said.code,
            body: body.unwrap_or_else(|_| panic!("{}", said.text())),
        }
    }
}

/// What the doctor printed, and how it ended.
#[derive(Debug)]
struct Report {
    code: Option<i32>,
    body: Value,
}

impl Report {
    /// Severity and text of each finding that is about an agent.
    fn found(&self) -> Vec<(&str, &str)> {
        let findings = self.body["findings"].as_array().unwrap().iter();
        let words = findings.map(|it| ["severity", "what"].map(|key| it[key].as_str().unwrap()));
        let about = words.filter(|[_, what]| {
            ["agent", "NRI", "canary", "refused"]
                .iter()
                .any(|it| what.contains(it))
        });
        about.map(|[severity, what]| (severity, what)).collect()
    }

    fn canary(&self) -> Option<&str> {
        self.body["agents"][0]["canary"]["outcome"].as_str()
    }
}

const NOT_REFUSED: (&str, &str) = ("open", "a container that must be refused was created");

#[test]
fn a_gate_is_proven_by_what_it_refuses_and_missed_once_it_is_gone() {
    let stage = or_skip!(Stage::open(Release::V2_4));
    let place = Place {
        state: stage.folder().join("agent"),
        ..Place::of(&stage.node)
    };
    let begun = stage.node.containers();
    let unguarded = place.report(&["--agent-only"]);
    assert_eq!(unguarded.found(), [NOT_REFUSED], "{unguarded:#?}");
    assert_eq!(
        (unguarded.code, unguarded.canary()),
        (Some(1), Some("open"))
    );

    // It sends its own canary soon, and then leaves the runtime alone.
    let mut agent = Agent::start(&AgentSetup {
        canary_every: "1h",
        ..stage.setup("agent")
    });
    agent.has_seen_its_canary_refused();
    let guarded = place.report(&["--agent-only"]);
    assert_eq!(guarded.found(), [], "{guarded:#?}");
    assert_eq!((guarded.code, guarded.canary()), (Some(0), Some("closed")));
    assert_eq!(guarded.body["agents"][0]["nri"], "on", "{guarded:#?}");
    let said = guarded.body["agents"][0]["canary"]["said"]
        .as_str()
        .unwrap();
    assert!(said.contains("sekisho: canary: sha256:"), "{said}");
    let told = place.doctor(&["--agent-only"]).expect_ok();
    assert!(
        told.contains("a denied image cannot be started here"),
        "{told}"
    );

    // Its snapshot is here still: it is missed, though nobody says --agent.
    agent.kill();
    let gateway = format!("http://{}", stage.site.gateway.address());
    let missed = place.report(&["--gateway", &gateway]);
    assert_eq!(missed.found(), [NOT_REFUSED], "{missed:#?}");
    assert_eq!(missed.code, Some(1));
    assert_eq!(stage.node.containers(), begun);
}

/// A runtime alone, with another configuration than the one that has NRI on.
fn alone(release: Release, change: fn(String) -> String) -> Result<(BareNode, Origin), Missing> {
    let origin = Origin::start()?;
    let node = BareNode::start_with(release, &origin, change)?;
    Ok((node, origin))
}

#[test]
fn an_older_containerd_without_nri_is_wrong_where_an_agent_is_wanted_and_else_a_note() {
    let off = |text: String| text.replace("disable = false", "disable = true");
    let (node, _origin) = or_skip!(alone(Release::V1_7, off));
    let place = Place::of(&node);
    let wanted = place.report(&["--agent-only"]);
    assert_eq!(wanted.found(), [("open", "NRI is off")], "{wanted:#?}");
    assert_eq!((wanted.code, wanted.canary()), (Some(1), None));
    assert!(
        wanted.body["agents"][0]["version"]
            .as_str()
            .unwrap()
            .starts_with("1.7"),
        "{wanted:#?}"
    );
    let files = ["--files-only", "--gateway", "https://gate.corp:5080"];
    let unwanted = place.report(&files);
    assert_eq!(unwanted.found(), [("note", "no agent guards this node")]);
}

#[test]
fn a_socket_that_is_not_there_and_a_closed_one_are_told() {
    let closed = |text: String| {
        text.replace(
            "disable = false",
            "disable = false\ndisable_connections = true",
        )
    };
    let (node, _origin) = or_skip!(alone(Release::V2_4, closed));
    let place = Place::of(&node);
    let closed = place.report(&["--agent-only"]);
    let told = ("open", "NRI takes no plugins from outside");
    assert_eq!(closed.found(), [told], "{closed:#?}");
    // Configured anew, and not restarted yet.
    node.reconfigure(|text| text.replace("disable_connections = true", ""));
    let unmade = place.report(&["--agent-only"]);
    let mut found = unmade.found();
    found.sort_unstable();
    assert_eq!(
        found,
        [NOT_REFUSED, ("open", "there is no NRI socket")],
        "{unmade:#?}"
    );
}

#[test]
fn containerd_1_6_is_told_to_have_no_nri() {
    let containerd = or_skip!(Containerd::start(Release::Debian));
    let place = Place {
        programs: containerd.programs().to_owned(),
        config: containerd.folder().join("config.toml"),
        socket: containerd.socket(),
        state: PathBuf::from(NOWHERE),
    };
    let report = place.report(&["--agent-only"]);
    let found = report.found();
    assert!(
        matches!(found[..], [("open", told)] if told.contains("has no NRI") && told.contains("1.6")),
        "{report:#?}"
    );
    assert_eq!((report.code, report.canary()), (Some(1), None));
}

#[test]
fn a_runtime_that_does_not_run_is_told_of_once() {
    for runtime in ["crio", "containerd"] {
        let said = outcome(
            Command::new(env!("CARGO_BIN_EXE_sekisho"))
                .args(["doctor", "node", "--agent-only", "--runtime", runtime])
                .args(["--cri-socket", NOWHERE, "--crio-dir", NOWHERE])
                .args(["--containerd-config", NOWHERE, "--output", "json"])
                // No program here tells a version.
                .env("PATH", ""),
        );
        let report: Value = serde_json::from_str(&said.stdout).expect(&said.stderr);
        let findings = report["findings"].as_array().unwrap();
        assert_eq!(findings.len(), 1, "{report:#}");
        assert_eq!(findings[0]["what"], "there is no CRI socket", "{report:#}");
        let step = findings[0]["next_step"].as_str().unwrap();
        assert!(step.starts_with(&format!("start {runtime}")), "{step}");
        assert!(report["agents"][0].get("canary").is_none(), "{report:#}");
        assert_eq!(said.code, Some(1), "{report:#}");
    }
}
