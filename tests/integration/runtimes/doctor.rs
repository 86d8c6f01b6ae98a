//! `doctor node` on containerd: it passes a node that `node-config` wrote, and finds
//! each known hole in the files as well as in a real pull.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::lab::{Containerd, Missing, Outcome, Release, Site, or_skip, outcome, run};

/// A node with a containerd, and a gateway with its registries.
struct Node {
    containerd: Containerd,
    site: Site,
    folder: TempDir,
}

/// What the doctor printed, and how it ended.
struct Report {
    code: Option<i32>,
    body: Value,
}

impl Node {
    fn start(release: Release) -> Result<Self, Missing> {
        let node = Self {
            containerd: Containerd::start(release)?,
            site: Site::open()?,
            folder: tempfile::tempdir().unwrap(),
        };
        let registry = "[plugins.\"io.containerd.grpc.v1.cri\".registry]";
        let config = format!(
            "version = 2\n{registry}\nconfig_path = \"{}\"\n",
            node.hosts().display()
        );
        fs::write(node.folder.path().join("config.toml"), config).unwrap();
        Ok(node)
    }

    fn hosts(&self) -> PathBuf {
        self.folder.path().join("certs.d")
    }

    fn gateway(&self) -> String {
        format!("http://{}", self.site.gateway.address())
    }

    /// As an administrator does it.
    fn configure(&self) {
        let hosts = self.hosts();
        if hosts.exists() {
            fs::remove_dir_all(&hosts).unwrap();
        }
        let (gateway, hosts) = (self.gateway(), hosts.display().to_string());
        let line = ["node-config", "containerd", "--gateway", &gateway];
        run(&[&line[..], &["--output", &hosts]].concat()).expect_ok();
    }

    fn write(&self, directory: &str, text: &str) {
        let folder = self.hosts().join(directory);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("hosts.toml"), text).unwrap();
    }

    fn doctor(&self, arguments: &[&str]) -> Report {
        Report::of(&self.say(&[arguments, &["--output", "json"]].concat()))
    }

    fn say(&self, arguments: &[&str]) -> Outcome {
        self.say_at(&self.containerd.socket(), arguments)
    }

    fn say_at(&self, socket: &Path, arguments: &[&str]) -> Outcome {
        let path = std::env::var("PATH").unwrap_or_default();
        let programs = self.containerd.programs().display();
        outcome(
            Command::new(env!("CARGO_BIN_EXE_sekisho"))
                .args(["doctor", "node", "--runtime", "containerd"])
                .arg("--containerd-config")
                .arg(self.folder.path().join("config.toml"))
                .arg("--containerd-address")
                .arg(socket)
                .args(arguments)
                .env("PATH", format!("{programs}:{path}")),
        )
    }
}

impl Report {
    fn of(said: &Outcome) -> Self {
        let body = serde_json::from_str(&said.stdout);
        Self {
            code: said.code,
            body: body.unwrap_or_else(|_| panic!("{}", said.text())),
        }
    }

    fn has_finding(&self, place: &Path, what: &str) -> bool {
        let place = place.display().to_string();
        let findings = self.body["findings"].as_array().unwrap();
        findings.iter().any(|found| {
            found["place"] == place.as_str()
                && found["what"].as_str().unwrap().contains(what)
                && found["severity"] == "open"
        })
    }

    /// The outcome of the one pull whose description contains `what`.
    fn outcome(&self, what: &str) -> &str {
        let proofs = self.body["proofs"].as_array().unwrap();
        let of = |proof: &&Value| proof["what"].as_str().unwrap().contains(what);
        let found: Vec<_> = proofs.iter().filter(of).collect();
        assert_eq!(found.len(), 1, "{what}: {:#}", self.body);
        found[0]["outcome"].as_str().unwrap()
    }
}

const UNNAMED: &str = "that no directory names";

#[test]
fn a_node_of_node_config_is_closed_on_containerd_1_6() {
    passes_what_is_closed(Release::Debian);
}

#[test]
fn a_node_of_node_config_is_closed_on_containerd_1_7() {
    passes_what_is_closed(Release::V1_7);
}

#[test]
fn a_node_of_node_config_is_closed_on_containerd_2_4() {
    passes_what_is_closed(Release::V2_4);
}

fn passes_what_is_closed(release: Release) {
    let node = or_skip!(Node::start(release));
    node.configure();
    let image = node.site.image("team/app");
    let denied = format!("{}/{}", node.site.development.address(), image.by_tag());
    let report = node.doctor(&["--image", &denied]);
    assert_eq!(report.code, Some(0), "{:#}", report.body);
    assert_eq!(report.body["closed"], true);
    assert_eq!(report.body["gateway"], node.gateway());
    assert_eq!(report.outcome(UNNAMED), "closed");
    assert_eq!(report.outcome("named as denied"), "closed");
    assert!(
        node.site.development.requests_by("containerd").is_empty(),
        "{:#?}",
        node.site.development.requests()
    );
    leaves_nothing(&node);
    let told = node.say(&[]).expect_ok();
    assert!(
        told.contains("a denied image cannot be pulled here"),
        "{told}"
    );
}

fn leaves_nothing(node: &Node) {
    let namespaces = node.containerd.ctr(&["namespaces", "ls", "-q"]).expect_ok();
    assert!(!namespaces.contains("sekisho-doctor"), "{namespaces}");
}

#[test]
fn every_hole_is_found_and_proven_on_containerd_1_6() {
    finds_every_hole(Release::Debian, "open");
}

#[test]
fn every_hole_is_found_and_proven_on_containerd_1_7() {
    finds_every_hole(Release::V1_7, "closed");
}

#[test]
fn every_hole_is_found_and_proven_on_containerd_2_4() {
    finds_every_hole(Release::V2_4, "closed");
}

/// `server_alone`: what a file with `server` and no `[host]` proves to be.
fn finds_every_hole(release: Release, server_alone: &str) {
    let node = or_skip!(Node::start(release));
    let gateway = node.gateway();
    let (hosts, default) = (node.hosts(), node.hosts().join("_default/hosts.toml"));
    let open = |place: &Path, told: &str, proof: &str, outcome: &str| {
        let report = node.doctor(&["--gateway", &gateway]);
        assert_eq!(report.code, Some(1), "{told}: {:#}", report.body);
        assert!(report.has_finding(place, told), "{told}: {:#}", report.body);
        assert_eq!(report.outcome(proof), outcome, "{told}: {:#}", report.body);
        leaves_nothing(&node);
    };

    node.configure();
    fs::create_dir(hosts.join("quay.example")).unwrap();
    let leftover = hosts.join("quay.example");
    open(&leftover, "no hosts.toml", "says for quay.example", "open");

    node.configure();
    node.write("_default", "server = ");
    open(&default, "no TOML", UNNAMED, "open");

    node.configure();
    fs::remove_dir_all(hosts.join("_default")).unwrap();
    open(&hosts, "no directory _default", UNNAMED, "open");

    node.configure();
    node.write("_default", &format!("server = \"{gateway}\"\n"));
    open(&default, "no [host] table", UNNAMED, server_alone);

    node.configure();
    node.write("_default", &format!("[host.\"{gateway}\"]\n"));
    open(&default, "names no `server`", UNNAMED, "open");

    node.configure();
    let second = "[host.\"https://registry.example\"]\n";
    let text = format!("server = \"{gateway}\"\n[host.\"{gateway}\"]\n{second}");
    node.write("quay.example", &text);
    let file = leftover.join("hosts.toml");
    open(&file, "another [host]", "says for quay.example", "open");

    let nothing = node.hosts().with_file_name("nothing");
    fs::rename(&hosts, &nothing).unwrap();
    open(&hosts, "no directory _default", UNNAMED, "open");
}

#[test]
fn an_image_that_comes_all_the_same_is_reported_and_removed() {
    for release in Release::ALL {
        let node = or_skip!(Node::start(release));
        let image = node.site.image("team/app");
        let denied = format!("{}/{}", node.site.development.address(), image.by_tag());
        let report = node.doctor(&["--gateway", &node.gateway(), "--image", &denied]);
        assert_eq!(report.code, Some(1), "{:#}", report.body);
        assert_eq!(report.outcome("named as denied"), "open");
        leaves_nothing(&node);
    }
}

#[test]
fn a_direct_registry_may_be_direct() {
    let node = or_skip!(Node::start(Release::Debian));
    node.configure();
    let own = "server = \"https://registry.corp\"\n[host.\"https://registry.corp\"]\n";
    node.write("registry.corp", own);
    assert_eq!(node.doctor(&[]).code, Some(1));
    let allowed = node.doctor(&["--direct", "registry.corp"]);
    assert_eq!(allowed.code, Some(0), "{:#}", allowed.body);
}

#[test]
fn a_gateway_that_is_down_proves_nothing() {
    let mut node = or_skip!(Node::start(Release::Debian));
    node.configure();
    node.site.gateway.kill();
    let report = node.doctor(&[]);
    assert_eq!(report.code, Some(1), "{:#}", report.body);
    assert_eq!(report.outcome(UNNAMED), "unproven");
}

#[test]
fn a_daemon_that_does_not_answer_is_not_taken_for_closed() {
    let node = or_skip!(Node::start(Release::Debian));
    node.configure();
    let nowhere = node.folder.path().join("no-socket");
    let report = Report::of(&node.say_at(&nowhere, &["--output", "json"]));
    assert_eq!(report.code, Some(1), "{:#}", report.body);
    let files = node.doctor(&["--files-only"]);
    assert_eq!(files.code, Some(0), "{:#}", files.body);
    assert_eq!(files.body["proofs"].as_array().unwrap().len(), 0);
}
