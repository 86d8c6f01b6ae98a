//! `doctor node` on podman, on CRI-O's files, and on Docker.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::lab::{Authority, Docker, Outcome, Podman, Site, or_skip, outcome, run};

/// A node whose files lie in a folder, and whose podman keeps its images there too.
struct Node {
    site: Site,
    scheme: &'static str,
    folder: TempDir,
}

impl Node {
    fn new(site: Site) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let [graph, run] = ["graph", "run"].map(|name| folder.path().join(name));
        let storage = format!(
            "[storage]\ndriver = \"vfs\"\ngraphroot = \"{}\"\nrunroot = \"{}\"\n",
            graph.display(),
            run.display()
        );
        fs::write(folder.path().join("storage.conf"), storage).unwrap();
        Self {
            site,
            scheme: "http",
            folder,
        }
    }

    fn conf(&self) -> PathBuf {
        self.folder.path().join("registries.conf.d/zz-sekisho.conf")
    }

    fn gateway(&self) -> String {
        format!("{}://{}", self.scheme, self.site.gateway.address())
    }

    fn registry(&self) -> String {
        self.site.development.address().to_owned()
    }

    fn configure(&self, runtime: &str) {
        let (gateway, registry) = (self.gateway(), format!("{}=development", self.registry()));
        let output = self.folder.path().to_str().unwrap();
        let line = ["node-config", runtime, "--gateway", &gateway];
        run(&[&line[..], &["--registry", &registry, "--output", output]].concat()).expect_ok();
    }

    fn doctor(&self, runtime: &str, arguments: &[&str]) -> Outcome {
        let (gateway, registry) = (self.gateway(), self.registry());
        outcome(
            Command::new(env!("CARGO_BIN_EXE_sekisho"))
                .args(["doctor", "node", "--output", "json", "--runtime", runtime])
                .args(["--gateway", &gateway, "--registry", &registry])
                .arg("--containers-dir")
                .arg(self.folder.path())
                .args(arguments)
                .env(
                    "CONTAINERS_STORAGE_CONF",
                    self.folder.path().join("storage.conf"),
                ),
        )
    }
}

fn report(said: &Outcome) -> Value {
    serde_json::from_str(&said.stdout).unwrap_or_else(|_| panic!("{}", said.text()))
}

#[track_caller]
fn assert_proofs(said: &Outcome, expected: &[&str]) {
    let report = report(said);
    let proofs = report["proofs"].as_array().unwrap().iter();
    let outcomes: Vec<_> = proofs
        .map(|proof| proof["outcome"].as_str().unwrap())
        .collect();
    assert_eq!(outcomes, expected, "{report:#}");
    let closed = expected.iter().all(|outcome| *outcome == "closed");
    assert_eq!(said.code, Some(i32::from(!closed)), "{report:#}");
}

#[test]
fn blocked_sources_are_closed_and_open_ones_are_proven_open() {
    or_skip!(Podman::find());
    let node = Node::new(or_skip!(Site::open()));
    let image = node.site.image("team/app");
    let denied = format!("{}/{}", node.registry(), image.by_tag());
    for runtime in ["podman", "crio"] {
        node.configure(runtime);
        let closed = node.doctor(runtime, &["--image", &denied]);
        assert_proofs(&closed, &["closed", "closed"]);

        let text = fs::read_to_string(node.conf()).unwrap();
        fs::write(node.conf(), text.replace("blocked = true", "")).unwrap();
        let open = node.doctor(runtime, &[]);
        assert_proofs(&open, &["open"]);
        assert!(open.stdout.contains("is not blocked"), "{}", open.stdout);

        fs::remove_file(node.conf()).unwrap();
        let nothing = node.doctor(runtime, &[]);
        assert_proofs(&nothing, &["open"]);
        assert!(
            nothing.stdout.contains("no table names"),
            "{}",
            nothing.stdout
        );
    }
    assert!(node.site.development.requests_by("containers/").is_empty());
}

#[test]
fn the_ca_is_named_where_podman_and_skopeo_do_not_trust_it() {
    or_skip!(Podman::find());
    let authority = Authority::create();
    let (certificate, key) = authority.leaf("127.0.0.1");
    let [certificate, key] = [certificate, key].map(|file| file.display().to_string());
    let tls = format!("tls = {{ certificate = \"{certificate}\", key = \"{key}\" }}\n");
    let site = or_skip!(Site::open_with(|setup| setup.listener(&tls)));
    let node = Node {
        scheme: "https",
        ..Node::new(site)
    };
    for runtime in ["podman", "crio"] {
        node.configure(runtime);
        let said = node.doctor(runtime, &[]);
        assert_proofs(&said, &["unproven"]);
        let cause = &report(&said)["proofs"][0]["cause"];
        assert_eq!(cause["code"], "untrusted-ca", "{}", said.stdout);
        let next = cause["next_step"].as_str().unwrap();
        assert!(next.contains("/etc/containers/certs.d"), "{next}");
    }
}

#[test]
fn docker_is_open_and_its_mirrors_change_nothing() {
    let site = or_skip!(Site::open());
    let mirrors = format!(
        "{{\"registry-mirrors\": [\"http://{}\"]}}",
        site.gateway.address()
    );
    let docker = or_skip!(Docker::start_with(&mirrors));
    let node = Node::new(site);
    let socket = docker.socket();
    let said = node.doctor("docker", &["--docker-address", &socket]);
    assert_proofs(&said, &["open"]);
    for told in ["never enforcement", "reads no mirror files"] {
        assert!(said.stdout.contains(told), "{told}: {}", said.stdout);
    }
}
