//! The agent of a node, asked by a real runtime for real Pods, with what it depends on cut
//! one thing after the other.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use jiff::SignedDuration;
use sekisho::node_snapshot::AgentMode;
use tempfile::TempDir;

use super::cluster::pod;
use crate::lab::kubernetes::{ControlPlane, Kubectl, Node};
use crate::lab::{
    AGENTS_ENVIRONMENT, Agent, AgentSetup, Image, Missing, Origin, Release, SnapshotServer, or_skip,
};

/// The kubelet backs off for some time from what is refused.
const WITHIN: Duration = Duration::from_secs(120);

/// A cluster of one node, and what its agent is told by.
struct Stage {
    kubectl: Kubectl,
    node: Node,
    _control: ControlPlane,
    origin: Origin,
    server: SnapshotServer,
    folder: TempDir,
}

impl Stage {
    fn open(release: Release) -> Result<Self, Missing> {
        let control = ControlPlane::with_controllers()?;
        let origin = Origin::start()?;
        let node = Node::join_on(release, &control, &origin)?;
        let (server, folder) = (SnapshotServer::start(), tempfile::tempdir().unwrap());
        fs::write(folder.path().join("snapshot.pub"), server.public_key()).unwrap();
        Ok(Self {
            kubectl: control.kubectl(),
            node,
            _control: control,
            origin,
            server,
            folder,
        })
    }

    fn image(&self) -> Image {
        self.origin.image("team/sleeper", "1")
    }

    /// A Pod of it, which is pulled only where it is not there.
    fn run(&self, name: &str) {
        let image = format!("{}/team/sleeper:1", self.origin.address());
        self.kubectl.applied(&pod("default", name, &image));
    }

    fn runs(&self, name: &str) {
        self.kubectl.wait(&["pod", name], WITHIN, |pod| {
            pod["status"]["containerStatuses"][0]["state"]["running"].is_object()
        });
    }

    /// What people read of a Pod whose container is refused.
    fn refused(&self, name: &str) -> String {
        self.kubectl
            .described("default", name, "sekisho: revoked: sha256:", WITHIN)
    }

    /// An agent that has been asked by the runtime.
    fn agent(&self, name: &str) -> Agent {
        Agent::start(&AgentSetup {
            name,
            folder: self.folder.path(),
            gateways: vec![self.server.url()],
            environment: AGENTS_ENVIRONMENT,
            nri_socket: self.node.nri_socket(),
            cri_socket: self.node.cri_socket(),
            canary_every: "1s",
            more: Vec::new(),
        })
    }
}

#[test]
fn a_revocation_reaches_what_was_pulled_already() {
    let mut stage = or_skip!(Stage::open(Release::V2_4));
    let image = stage.image();
    let agent = stage.agent("agent");
    // A second plugin beside it, which is asked for the same containers.
    let _beside = stage.agent("beside");
    stage.run("before-any-snapshot");
    stage.runs("before-any-snapshot");

    stage.server.deny(AgentMode::Audit, &[&image.digest]);
    agent.holds(1);
    stage.run("audited");
    stage.runs("audited");

    let revoked = Instant::now();
    stage.server.deny(AgentMode::Enforce, &[&image.digest]);
    agent.holds(2);
    println!("in force after {:?}", revoked.elapsed());
    agent.has_seen_its_canary_refused();
    stage.run("revoked");
    let described = stage.refused("revoked");
    assert!(described.contains(&image.digest), "{described}");
    assert!(described.contains("sekisho explain"), "{described}");
    // What runs is not started again once it ends.
    stage.node.crash_containers();
    stage.refused("audited");

    // The runtime may go and come, and the gateway with the agent behind it.
    stage.node.restart_runtime();
    stage.server.end();
    drop(agent);
    let mut agent = stage.agent("agent");
    agent.is_asked();
    stage.run("without-gateway");
    stage.refused("without-gateway");
    tells_what_happened(&stage, &image);
}

fn tells_what_happened(stage: &Stage, image: &Image) {
    let batches = stage.server.batches();
    let mut denials = batches.iter().flat_map(|batch| &batch.denials);
    let told = denials.find(|it| it.container.pod == "revoked").unwrap();
    assert!(told.refused && told.reason == "revoked", "{told:?}");
    assert_eq!(told.digest.as_ref(), Some(&image.digest));
    let audited = batches
        .iter()
        .flat_map(|batch| &batch.denials)
        .find(|it| it.container.pod == "audited")
        .unwrap();
    assert!(!audited.refused, "{audited:?}");
    let mut started = batches.iter().flat_map(|batch| &batch.started);
    let running = started.find(|it| it.pod == "before-any-snapshot").unwrap();
    assert!(running.digests.contains(&image.digest), "{running:?}");
    assert!(batches.iter().any(|batch| !batch.ended.is_empty()));
    let runtime = batches.iter().find_map(|batch| batch.runtime.as_deref());
    assert!(runtime.unwrap().starts_with("containerd "), "{runtime:?}");
}

#[test]
fn what_was_reinstated_starts() {
    let stage = or_skip!(Stage::open(Release::V2_4));
    let image = stage.image();
    let agent = stage.agent("agent");
    stage.server.deny(AgentMode::Enforce, &[&image.digest]);
    agent.holds(1);
    stage.run("back-again");
    stage.refused("back-again");
    stage.server.deny(AgentMode::Enforce, &[]);
    agent.holds(2);
    stage.runs("back-again");
}

/// It names no digest: the runtime's CRI is asked for it.
#[test]
fn a_revocation_reaches_what_an_older_containerd_pulled_already() {
    let stage = or_skip!(Stage::open(Release::V1_7));
    let image = stage.image();
    let agent = stage.agent("agent");
    stage.run("before-any-snapshot");
    stage.runs("before-any-snapshot");
    // As the gateway does: what was pulled without the CRI is known by its config alone.
    let denied = [image.digest.as_str(), &image.config];
    stage.server.deny(AgentMode::Enforce, &denied);
    agent.holds(1);
    agent.has_seen_its_canary_refused();
    stage.run("revoked");
    let described = stage.refused("revoked");
    assert!(
        denied.iter().any(|it| described.contains(it)),
        "{described}"
    );
}

/// The gateway is gone and the snapshot has expired; then the agent is gone, too.
#[test]
fn a_node_comes_up_with_everything_gone() {
    let mut stage = or_skip!(Stage::open(Release::V2_4));
    let agent = stage.agent("agent");
    let soon = SignedDuration::from_secs(3);
    stage.server.issue(AgentMode::Strict, &[], soon);
    agent.holds(1);
    stage.server.end();
    drop(agent);
    thread::sleep(Duration::from_secs(3));
    let agent = stage.agent("agent");
    agent.holds(1);
    stage.node.restart_runtime();
    stage.run("unknown");
    stage.runs("unknown");
    // Without an agent, too.
    drop(agent);
    stage.run("unasked");
    stage.runs("unasked");
}
