//! What nodes are told, for each runtime.

use std::collections::BTreeMap;

use toml::Table;

use super::{GatewayUrl, NodeCa, NodeGateway, NodesError, Runtime, plan};
use crate::oci::RegistryHost;

fn host(text: &str) -> RegistryHost {
    RegistryHost::parse(text).unwrap()
}

fn gateway(url: &str) -> NodeGateway {
    NodeGateway {
        urls: vec![GatewayUrl::parse(url).unwrap()],
        registries: vec![
            (host("docker.io"), "docker.io".to_owned()),
            (host("registry.example:5000"), "corp".to_owned()),
        ],
        direct: Vec::new(),
        ca: None,
    }
}

/// Planned files by path.
fn files(
    runtime: Runtime,
    gateway: &NodeGateway,
    existing: &[&str],
) -> Result<BTreeMap<String, String>, NodesError> {
    let existing: Vec<_> = existing.iter().map(|name| (*name).to_owned()).collect();
    let files = plan(runtime, gateway, &existing)?.into_iter();
    Ok(files
        .map(|file| (file.path.display().to_string(), file.contents))
        .collect())
}

/// The one place that a hosts.toml sends pulls to.
fn destination(contents: &str) -> String {
    let file: Table = contents.parse().unwrap();
    let server = file["server"].as_str().unwrap();
    let hosts: Vec<_> = file["host"].as_table().unwrap().keys().collect();
    assert_eq!(hosts, [server]);
    server.to_owned()
}

#[test]
fn containerd_gets_default_and_every_named_registry() {
    for url in ["http://gate.example:5080", "https://gate.example:5443"] {
        let files = files(Runtime::Containerd, &gateway(url), &[]).unwrap();
        assert_eq!(
            files.keys().collect::<Vec<_>>(),
            [
                "_default/hosts.toml",
                "docker.io/hosts.toml",
                "registry.example:5000/hosts.toml",
                "registry.example_5000_/hosts.toml",
            ]
        );
        assert!(files.values().all(|contents| destination(contents) == url));
    }
}

#[test]
fn containerd_leaves_no_directory_that_shadows_the_default() {
    let leftovers = ["quay.io", "Odd.Name", "old.example_5000_", "_default"];
    let url = "http://gate.example:5080";
    let files = files(Runtime::Containerd, &gateway(url), &leftovers).unwrap();
    for name in leftovers {
        assert_eq!(destination(&files[&format!("{name}/hosts.toml")]), url);
    }
}

#[test]
fn containerd_refuses_directories_that_are_not_safe_names() {
    for odd in ["..", "", "a/b", "a b", "a\n", "a\"b", "é"] {
        let refused = files(Runtime::Containerd, &gateway("http://gate:5080"), &[odd]);
        assert_eq!(refused, Err(NodesError::Directory(odd.to_owned())));
    }
}

#[test]
fn containerd_leaves_only_direct_registries_direct() {
    let mut gateway = gateway("https://gate.example");
    gateway.ca = Some(NodeCa::At("/etc/sekisho/ca.crt".to_owned()));
    gateway.direct = vec![host("registry.example:5000"), host("ghcr.io")];
    let leftovers = ["registry.example_5000_", "ghcr.io"];
    let files = files(Runtime::Containerd, &gateway, &leftovers).unwrap();
    for (path, own) in [
        (
            "registry.example:5000/hosts.toml",
            "https://registry.example:5000",
        ),
        (
            "registry.example_5000_/hosts.toml",
            "https://registry.example:5000",
        ),
        ("ghcr.io/hosts.toml", "https://ghcr.io"),
    ] {
        assert_eq!(destination(&files[path]), own);
        assert!(!files[path].contains("ca.crt"));
    }
    for path in ["_default/hosts.toml", "docker.io/hosts.toml"] {
        assert_eq!(destination(&files[path]), "https://gate.example");
        assert!(files[path].contains("/etc/sekisho/ca.crt"));
    }
}

#[test]
fn a_direct_docker_hub_answers_at_its_own_address() {
    let mut gateway = gateway("https://gate.example");
    gateway.direct = vec![host("docker.io"), host("localhost:5000")];
    let files = files(Runtime::Containerd, &gateway, &[]).unwrap();
    let of = |name: &str| destination(&files[&format!("{name}/hosts.toml")]);
    assert_eq!(of("docker.io"), "https://registry-1.docker.io");
    assert_eq!(of("localhost:5000"), "http://localhost:5000");
}

#[test]
fn crio_and_podman_block_every_source_behind_its_mirror() {
    for runtime in [Runtime::Crio, Runtime::Podman] {
        let files = files(
            runtime,
            &gateway("http://gate:5080"),
            &["shortnames.conf", "000-shortnames.conf"],
        )
        .unwrap();
        let file: Table = files["registries.conf.d/zz-sekisho.conf"].parse().unwrap();
        let mut mirrors = BTreeMap::new();
        for registry in file["registry"].as_array().unwrap() {
            assert_eq!(registry["blocked"].as_bool(), Some(true));
            assert_eq!(registry["prefix"], registry["location"]);
            let [mirror] = &registry["mirror"].as_array().unwrap()[..] else {
                panic!("one mirror");
            };
            assert_eq!(mirror["pull-from-mirror"].as_str(), Some("all"));
            assert_eq!(mirror["insecure"].as_bool(), Some(true));
            mirrors.insert(registry["prefix"].as_str(), mirror["location"].as_str());
        }
        assert_eq!(mirrors[&Some("docker.io")], Some("gate:5080/docker.io"));
        assert_eq!(
            mirrors[&Some("registry-1.docker.io")],
            Some("gate:5080/docker.io")
        );
        assert_eq!(
            mirrors[&Some("registry.example:5000")],
            Some("gate:5080/corp")
        );
    }
}

#[test]
fn crio_has_no_table_for_direct_registries_and_trusts_tls() {
    let mut gateway = gateway("https://gate.example");
    gateway.direct = vec![host("docker.io")];
    let files = files(Runtime::Crio, &gateway, &[]).unwrap();
    let contents = &files["registries.conf.d/zz-sekisho.conf"];
    assert!(!contents.contains("docker.io") && !contents.contains("insecure"));
    gateway.direct.push(host("registry.example:5000"));
    assert_eq!(plan(Runtime::Crio, &gateway, &[]), Err(NodesError::Nothing));
}

#[test]
fn crio_refuses_a_file_that_is_read_after_ours() {
    let refused = files(Runtime::Crio, &gateway("http://gate:5080"), &["zzz.conf"]);
    assert_eq!(refused, Err(NodesError::LaterFile("zzz.conf".to_owned())));
    let ours = files(
        Runtime::Crio,
        &gateway("http://gate:5080"),
        &["zz-sekisho.conf", "zzz.bak"],
    );
    assert!(ours.is_ok());
}

#[test]
fn docker_users_learn_that_mirrors_do_not_enforce() {
    let files = files(Runtime::Docker, &gateway("http://gate:5080"), &[]).unwrap();
    let notes = &files["sekisho-notes.txt"];
    assert!(notes.contains("registry-mirrors in daemon.json is never enforcement"));
    assert!(notes.contains("registry.example:5000/NAME  ->  gate:5080/corp/NAME"));
    assert!(notes.lines().all(|line| line.starts_with('#')));
    let hub = &files["certs.d/docker.io/hosts.toml"];
    assert_eq!(destination(hub), "http://gate:5080");
}

#[test]
fn refuses_what_would_loop_or_not_parse() {
    let base = || gateway("http://gate.example:5080");
    let mut itself = base();
    itself
        .registries
        .push((host("gate.example:5080"), "x".to_owned()));
    let mut twice = base();
    twice
        .registries
        .push((host("index.docker.io"), "hub".to_owned()));
    let mut path = base();
    path.registries[0].1 = "a/b".to_owned();
    let mut ca = base();
    ca.ca = Some(NodeCa::At("ca.crt".to_owned()));
    let refusal = |gateway: &NodeGateway| plan(Runtime::Containerd, gateway, &[]).unwrap_err();
    assert!(matches!(refusal(&itself), NodesError::GatewayItself(_)));
    assert!(matches!(refusal(&twice), NodesError::Twice(_)));
    assert!(matches!(refusal(&path), NodesError::Path(_)));
    assert!(matches!(refusal(&ca), NodesError::Ca(_)));
}

#[test]
fn refuses_two_registries_at_one_path_for_every_runtime() {
    let mut both = gateway("http://gate.example:5080");
    both.registries = vec![
        (host("quay.io"), "same".to_owned()),
        (host("x.example"), "same".to_owned()),
    ];
    for runtime in [
        Runtime::Containerd,
        Runtime::Crio,
        Runtime::Docker,
        Runtime::Podman,
    ] {
        let refused = plan(runtime, &both, &[]).unwrap_err();
        assert!(matches!(refused, NodesError::SamePath { .. }), "{refused}");
    }
}

#[test]
fn reads_the_names_of_runtimes() {
    assert_eq!("crio".parse(), Ok(Runtime::Crio));
    assert!("cri-o".parse::<Runtime>().is_err());
}

#[test]
fn a_ca_that_lies_beside_the_files_is_named_from_where_they_lie() {
    let mut gateway = gateway("https://gate.example:5443");
    gateway.ca = Some(NodeCa::Beside);
    for (runtime, file, ca) in [
        (
            Runtime::Containerd,
            "_default/hosts.toml",
            "../sekisho-ca.crt",
        ),
        (
            Runtime::Docker,
            "certs.d/docker.io/hosts.toml",
            "../gate.example:5443/ca.crt",
        ),
    ] {
        let contents = &files(runtime, &gateway, &[]).unwrap()[file];
        let parsed: Table = contents.parse().unwrap();
        assert_eq!(parsed["ca"].as_str(), Some(ca));
        let at_root = std::path::Path::new(file).with_file_name(ca);
        let clean = at_root.to_str().unwrap().replace("_default/../", "");
        let clean = clean.replace("docker.io/../", "");
        assert_eq!(clean, runtime.ca_file(&gateway.urls[0]).to_str().unwrap());
    }
    let podman = files(Runtime::Podman, &gateway, &[]).unwrap();
    assert!(!podman["registries.conf.d/zz-sekisho.conf"].contains("Copy"));
}

#[test]
fn an_address_that_a_runtime_cannot_name_is_refused_with_the_way_out() {
    let six = gateway("https://[fd00::1]:5443");
    for runtime in [Runtime::Crio, Runtime::Podman, Runtime::Docker] {
        let refused = plan(runtime, &six, &[]).unwrap_err();
        assert_eq!(refused, NodesError::NoIpv6(runtime.as_str()));
        let told = refused.to_string();
        assert!(
            told.contains(runtime.as_str()) && told.contains("DNS name"),
            "{told}"
        );
    }
    let files = files(Runtime::Containerd, &six, &["[::1]_5000_"]).unwrap();
    assert!(
        files
            .values()
            .all(|contents| destination(contents) == "https://[fd00::1]:5443")
    );
    let mut source = gateway("https://gate.example");
    source
        .registries
        .push((host("[fd00::2]:5000"), "six".to_owned()));
    let refused = plan(Runtime::Podman, &source, &[]).unwrap_err();
    assert!(refused.to_string().contains("[fd00::2]:5000"), "{refused}");
    assert!(plan(Runtime::Containerd, &source, &[]).is_ok());
}

/// Two gateways, in this order.
fn two() -> NodeGateway {
    let mut both = gateway("https://gate-b.example:5080");
    let second = GatewayUrl::parse("https://gate-a.example:5080").unwrap();
    both.urls.push(second);
    both
}

#[test]
fn several_gateways_are_tried_in_order_and_nothing_after_them() {
    let files = files(Runtime::Containerd, &two(), &["quay.io"]).unwrap();
    for contents in files.values() {
        let file: Table = contents.parse().unwrap();
        let second = "https://gate-a.example:5080";
        assert_eq!(file["server"].as_str(), Some(second));
        let hosts: Vec<_> = file["host"].as_table().unwrap().keys().collect();
        assert_eq!(hosts.len(), 2, "{contents}");
        let at = |url: &str| contents.find(&format!("[host.\"{url}\"]")).unwrap();
        assert!(at("https://gate-b.example:5080") < at(second), "{contents}");
        assert_eq!(
            contents.matches("dial_timeout = \"3s\"").count(),
            2,
            "{contents}"
        );
    }
}

#[test]
fn crio_and_podman_have_every_gateway_as_mirror_of_a_blocked_source() {
    let mut both = two();
    both.urls[1] = GatewayUrl::parse("http://gate-a.example").unwrap();
    for runtime in [Runtime::Crio, Runtime::Podman] {
        let files = files(runtime, &both, &[]).unwrap();
        let file: Table = files["registries.conf.d/zz-sekisho.conf"].parse().unwrap();
        for registry in file["registry"].as_array().unwrap() {
            assert_eq!(registry["blocked"].as_bool(), Some(true));
            let [first, second] = &registry["mirror"].as_array().unwrap()[..] else {
                panic!("two mirrors");
            };
            let place = |mirror: &toml::Value| mirror["location"].as_str().unwrap().to_owned();
            assert!(place(first).starts_with("gate-b.example:5080/"));
            assert!(place(second).starts_with("gate-a.example/"));
            assert!(first.get("insecure").is_none());
            assert_eq!(second["insecure"].as_bool(), Some(true));
        }
    }
}

#[test]
fn docker_users_learn_that_a_name_leads_to_one_gateway() {
    let files = files(Runtime::Docker, &two(), &[]).unwrap();
    let notes = &files["sekisho-notes.txt"];
    assert!(notes.contains("docker.io/NAME  ->  gate-b.example:5080/docker.io/NAME"));
    assert!(notes.contains("docker.io/NAME  ->  gate-a.example:5080/docker.io/NAME"));
    assert!(notes.contains("tries no other when it is down"));
    assert!(notes.lines().all(|line| line.starts_with('#')), "{notes}");
    let hub: Table = files["certs.d/docker.io/hosts.toml"].parse().unwrap();
    assert_eq!(hub["host"].as_table().unwrap().len(), 2);
}

#[test]
fn refuses_several_gateways_that_cannot_be_told_apart_or_named() {
    let refusal = |both: &NodeGateway| plan(Runtime::Containerd, both, &[]).unwrap_err();
    let mut twice = two();
    twice.urls[1] = twice.urls[0].clone();
    assert!(matches!(refusal(&twice), NodesError::GatewayTwice(_)));
    let mut six = two();
    six.urls[1] = GatewayUrl::parse("https://[fd00::1]:5080").unwrap();
    assert_eq!(refusal(&six), NodesError::SeveralWithIpv6("containerd"));
    let mut none = two();
    none.urls.clear();
    assert_eq!(refusal(&none), NodesError::NoGateway);
    let mut itself = two();
    let own = (host("gate-a.example:5080"), "x".to_owned());
    itself.registries.push(own);
    assert!(matches!(refusal(&itself), NodesError::GatewayItself(_)));
}
