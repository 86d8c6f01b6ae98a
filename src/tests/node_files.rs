//! Files of nodes: the doctor reads whatever lies there.

use super::{Fuzz, folded};
use crate::nodes::doctor::{
    ConfFile, DockerState, ExpectedNode, HostsDirectory, HostsRoot, judge_containerd, named_files,
    read_registries, read_settings, replica_of_hosts,
};
use crate::nodes::{GatewayUrl, Runtime};
use crate::oci::RegistryHost;

const HOSTS: &str = "server = \"https://gate.corp:5080\"\nca = '/ca.crt'\n[host.\"https://gate.corp:5080\"]\n  \
                     capabilities = [\"pull\", \"resolve\"]\n  client = [[\"a\", \"b\"]]\n  header = { x = \"y\" }\n";
const REGISTRIES: &str = "unqualified-search-registries = [\"docker.io\"]\n[[registry]]\nprefix = \"docker.io\"\n\
                          blocked = true\n[[registry.mirror]]\nlocation = \"gate.corp:5080/docker.io\"\n";
const CONTAINERD: &str = "version = 3\n[plugins.'io.containerd.cri.v1.images'.registry]\nconfig_path = \"/etc/containerd/certs.d\"\n";
const WORDS: &[&str] = &[
    "server",
    "[host",
    "[[registry]]",
    "'''",
    "\"\"\"",
    "{ a = 1, }",
    "2026-01-01",
];

fn expected() -> ExpectedNode {
    ExpectedNode {
        gateways: vec![GatewayUrl::parse("https://gate.corp:5080").unwrap()],
        registries: vec![RegistryHost::docker_hub()],
        direct: Vec::new(),
    }
}

#[test]
fn fuzz_hosts_files() {
    let expected = expected();
    Fuzz::new("hosts files", &[HOSTS]).words(WORDS).run(|text| {
        let Ok(text) = std::str::from_utf8(text) else {
            return "no text".to_owned();
        };
        let _ = (
            named_files(text),
            replica_of_hosts(text, "docker.io", &expected, "decoy"),
        );
        let root = HostsRoot {
            path: "/certs.d".to_owned(),
            directories: vec![HostsDirectory {
                name: "_default".to_owned(),
                hosts_toml: Some(text.to_owned()),
                missing: Vec::new(),
            }],
        };
        let found = judge_containerd(Runtime::Containerd, &[root], &expected);
        found.iter().map(|found| folded(&found.what)).collect()
    });
}

#[test]
fn fuzz_registries_files() {
    let expected = expected();
    Fuzz::new("registries files", &[REGISTRIES])
        .words(WORDS)
        .run(|text| {
            let Ok(text) = std::str::from_utf8(text) else {
                return "no text".to_owned();
            };
            let path = "/etc/containers/registries.conf".to_owned();
            let text = text.to_owned();
            let read = read_registries(&[ConfFile { path, text }]);
            let _ = read.merged();
            let found = read.findings(Runtime::Crio, "/etc/containers", &expected);
            found.iter().map(|found| folded(&found.what)).collect()
        });
}

#[test]
fn fuzz_containerds_settings() {
    let docker = "{\"ServerVersion\":\"29\",\"DriverStatus\":[[\"driver-type\",\"io.containerd.snapshotter.v1\"]],\"RegistryConfig\":{\"Mirrors\":[]}}";
    Fuzz::new("containerd's settings", &[CONTAINERD, docker]).run(|text| {
        let text = String::from_utf8_lossy(text);
        let state = DockerState::read(&text).is_some();
        match read_settings(&text) {
            Ok(_) => format!("settings {state}"),
            Err(error) => format!("{} {state}", folded(&error.to_string())),
        }
    });
}
