//! The printed agents on real API servers, and on a real node with a real gateway.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::program::program_image;
use super::site::{Cluster, agent, installation, tried};
use crate::kubernetes::cluster::pod;
use crate::lab::kubernetes::{ControlPlane, Kubectl, Node, Version};
use crate::lab::{
    Authority, Gateway, Missing, Origin, SNAPSHOT_KEY, Setup, eventually, free_port, or_skip, run,
};

/// The kubelet backs off for some time from what is refused.
const WITHIN: Duration = Duration::from_secs(120);
const SET: [&str; 4] = ["daemonset", "sekisho-node", "-n", "sekisho-node"];
const SLEEPER: &str = "team/sleeper";

#[test]
fn both_generations_take_the_agents_in_a_namespace_of_the_privileged_standard_alone() {
    for of in Version::ALL {
        let cluster = or_skip!(Cluster::with_policies(of, &installation()));
        cluster.apply(&installation().node_agent(&agent()).unwrap());
        let kubectl = cluster.kubectl();
        let set = kubectl.get(&SET).unwrap();
        let own = |namespace: &str| {
            json!({
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": { "name": "own", "namespace": namespace },
                "spec": set["spec"]["template"]["spec"],
            })
        };
        let made = tried(&kubectl, &own("sekisho-node")).expect_ok();
        let made: Value = serde_json::from_str(&made).unwrap();
        assert_eq!(made["spec"]["priority"], 2_000_001_000);
        // As that of the program itself.
        kubectl.create_namespace("storage");
        let level = "pod-security.kubernetes.io/enforce=restricted";
        kubectl
            .run(&["label", "namespace", "storage", level])
            .expect_ok();
        let refused = tried(&kubectl, &own("storage"));
        assert!(
            refused.text().contains("violates PodSecurity"),
            "{refused:?}"
        );
    }
}

/// A gateway outside the cluster, and what its agents are told by.
struct Stage {
    kubectl: Kubectl,
    node: Node,
    _control: ControlPlane,
    origin: Origin,
    gateway: Gateway,
    authority: Authority,
    folder: TempDir,
}

impl Stage {
    fn open() -> Result<Self, Missing> {
        let control = ControlPlane::with_controllers()?;
        let origin = Origin::start()?;
        let node = Node::join(&control, &origin)?;
        let (authority, folder) = (Authority::create(), tempfile::tempdir().unwrap());
        fs::write(folder.path().join("nodes.key"), SNAPSHOT_KEY).unwrap();
        let gateway = gateway(&origin, &authority, folder.path());
        Ok(Self {
            kubectl: control.kubectl(),
            node,
            _control: control,
            origin,
            gateway,
            authority,
            folder,
        })
    }

    /// What the command prints, with the paths of this node.
    fn printed(&self, image: &str) -> String {
        let config = self.folder.path().join("cluster.toml");
        let text = crate::kubernetes::chart::with_agents();
        fs::write(
            &config,
            text.replace("registry.example:5080", self.gateway.address()),
        )
        .unwrap();
        let [config, key] =
            [config, self.folder.path().join("nodes.key")].map(|path| path.display().to_string());
        let ca = self.authority.certificate().display().to_string();
        let socket = self.node.cri_socket().display().to_string();
        let manifests = ["kubernetes", "manifests", "--only", "node-agent"];
        let told = [
            "--image",
            image,
            "--config",
            &config,
            "--snapshot-key",
            &key,
        ];
        let more = ["--gateway-ca", &ca, "--cri-socket", &socket];
        let printed = run(&[&manifests[..], &told, &more].concat()).expect_ok();
        let nri = self
            .node
            .nri_socket()
            .parent()
            .unwrap()
            .display()
            .to_string();
        let state = self.folder.path().join("state").display().to_string();
        printed
            .replace("/var/run/nri", &nri)
            .replace("path: /var/lib/sekisho-node", &format!("path: {state}"))
            .replace("5084", &free_port().to_string())
    }

    fn give_token(&self) {
        let token = self.gateway.token("nodes", "node");
        let secret = json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": { "name": "sekisho-node", "namespace": "sekisho-node" },
            "stringData": { "token": token },
        });
        self.kubectl.applied(&secret.to_string());
    }

    fn run(&self, name: &str) {
        let image = format!("{}/{SLEEPER}:1", self.origin.address());
        self.kubectl.applied(&pod("default", name, &image));
    }

    fn refused(&self, name: &str) {
        self.kubectl
            .described("default", name, "sekisho: revoked: sha256:", WITHIN);
    }
}

fn gateway(origin: &Origin, authority: &Authority, folder: &Path) -> Gateway {
    let (certificate, key) = authority.leaf("127.0.0.1");
    let listener = format!(
        "tls = {{ certificate = \"{}\", key = \"{}\" }}\n",
        certificate.display(),
        key.display()
    );
    let tables = format!(
        "[environments.production.nodes]\nmode = \"enforce\"\n\
         [nodes]\nsigning_key = \"{}/nodes.key\"\n",
        folder.display()
    );
    let setup = Setup::new().upstream("development", origin.address(), origin.address());
    Gateway::start(&setup.listener(&listener).tables(&tables))
}

#[test]
fn what_is_printed_keeps_what_was_revoked_from_starting() {
    let mut stage = or_skip!(Stage::open());
    let image = or_skip!(program_image(&stage.origin));
    stage.kubectl.applied(&stage.printed(&image));
    stage.give_token();
    stage
        .kubectl
        .wait(&SET, WITHIN, |set| set["status"]["numberReady"] == 1);

    stage.run("before");
    stage.kubectl.wait(&["pod", "before"], WITHIN, |pod| {
        pod["status"]["containerStatuses"][0]["state"]["running"].is_object()
    });
    let sleeper = stage.origin.image(SLEEPER, "1");
    let named = format!("{}/{}", stage.origin.address(), sleeper.by_digest());
    stage
        .gateway
        .command(&["revoke", &named, "--reason", "backdoor"])
        .expect_ok();
    stage.run("revoked");
    stage.refused("revoked");
    // Its new socket is found.
    stage.node.restart_runtime();
    stage
        .kubectl
        .wait(&SET, WITHIN, |set| set["status"]["numberReady"] == 1);
    stage.run("after-the-runtime");
    stage.refused("after-the-runtime");
    eventually("the refusal on record", WITHIN, || {
        let decisions = ["decisions", "--output", "json"];
        let told = stage.gateway.command(&decisions).expect_ok();
        told.contains("after-the-runtime").then_some(())
    });
}
