//! Every hole that is known, and a closed node.

use super::*;
use crate::diagnosis::{Diagnosis, Gravity};
use crate::nodes::{GatewayUrl, Runtime};
use crate::oci::RegistryHost;

const GOOD: &str = "server = \"https://gate.corp:5080\"\n[host.\"https://gate.corp:5080\"]\n";

fn expected() -> ExpectedNode {
    ExpectedNode {
        gateways: vec![GatewayUrl::parse("https://gate.corp:5080").unwrap()],
        registries: vec![RegistryHost::docker_hub()],
        direct: vec![RegistryHost::parse("registry.corp:5000").unwrap()],
    }
}

fn root(directories: &[(&str, Option<&str>)]) -> HostsRoot {
    HostsRoot {
        path: "/certs.d".to_owned(),
        directories: directories
            .iter()
            .map(|(name, text)| HostsDirectory {
                name: (*name).to_owned(),
                hosts_toml: text.map(str::to_owned),
                missing: Vec::new(),
            })
            .collect(),
    }
}

fn judge(directories: &[(&str, Option<&str>)]) -> Vec<Diagnosis<OnNode>> {
    judge_containerd(Runtime::Containerd, &[root(directories)], &expected())
}

fn whats(findings: &[Diagnosis<OnNode>]) -> Vec<&str> {
    findings.iter().map(|found| found.what.as_str()).collect()
}

#[test]
fn a_node_that_names_only_the_gateway_is_closed() {
    let good = [("_default", Some(GOOD)), ("docker.io", Some(GOOD))];
    assert_eq!(judge(&good), []);
    let spelled = "server = \"https://Gate.corp:5080/\"\nca = \"/ca.crt\"\n\
                   [host.'https://gate.corp:5080']\n  ca = \"/ca.crt\"\n  client = [[\"c\", \"k\"]]\n  capabilities = [\"pull\", \"resolve\"]\n";
    assert_eq!(judge(&[("_default", Some(spelled))]), []);
}

#[test]
fn every_open_form_of_a_file_is_reported() {
    let server = "server = \"https://gate.corp:5080\"\n";
    let host = "[host.\"https://gate.corp:5080\"]\n";
    for (text, told) in [
        (String::new(), "it names no `server`"),
        (server.to_owned(), "it has no [host] table"),
        (host.to_owned(), "it names no `server`"),
        (format!("{server}{host}x"), "it is no TOML"),
        (
            format!("server = \"https://quay.io\"\n{host}"),
            "its `server` is \"https://quay.io\", not the gateway",
        ),
        (
            format!("server = \"http://gate.corp:5080\"\n{host}"),
            "its `server` is \"http://gate.corp:5080\", not the gateway",
        ),
        (
            format!("{server}{host}[host.\"https://quay.io\"]\n"),
            "it names another [host]: \"https://quay.io\"",
        ),
        (
            format!("{server}{host}capabilities = [\"pull\", \"referrers\"]\n"),
            "its `capabilities` hold a word that not every containerd knows",
        ),
        (
            format!("{server}{host}ca = 7\n"),
            "its `ca` has the wrong form",
        ),
        (
            format!("{server}{host}[Host.\"https://quay.io\"]\n"),
            "its key `Host` is `host` in another case",
        ),
        (
            format!("\u{feff}{server}{host}"),
            "it begins with a byte order mark",
        ),
        (
            format!("{server}x = {{ a = 1, }}\n{host}"),
            "it uses a form of TOML that not every runtime reads: a comma at the end of an inline \
             table",
        ),
    ] {
        let found = judge(&[("_default", Some(&text))]);
        let told_open = found
            .iter()
            .any(|found| found.gravity == Gravity::Wrong && found.what == told);
        assert!(told_open, "{text}: {found:#?}");
        assert!(found.iter().all(|found| !found.next_step.is_empty()));
    }
}

#[test]
fn an_ipv6_gateway_is_closed_only_in_the_form_that_every_version_reads() {
    let expected = ExpectedNode {
        gateways: vec![GatewayUrl::parse("https://[fd00::1]:5080").unwrap()],
        ..expected()
    };
    let judge = |text: &str| {
        let node = [root(&[("_default", Some(text))])];
        judge_containerd(Runtime::Containerd, &node, &expected)
    };
    let server = "server = \"https://[fd00::1]:5080\"\n";
    let header = format!("{server}[host.\"https://[fd00::1]:5080\"]\n");
    let found = judge(&header);
    assert_eq!(
        whats(&found),
        ["a [table] name holds a bracket, as that of an IPv6 address does"]
    );
    assert_eq!(found[0].gravity, Gravity::Wrong);
    assert!(found[0].next_step.contains("node-config"));
    let key = format!("{server}[host]\n\"https://[fd00:0::1]:5080\" = {{}}\n");
    assert_eq!(judge(&key), []);
}

#[test]
fn a_ca_that_counts_for_the_host_alone_is_worth_a_note() {
    let found = judge(&[("_default", Some(&format!("{GOOD}ca = \"/ca.crt\"\n")))]);
    assert_eq!(whats(&found), ["its `ca` stands in the [host] table alone"]);
    assert_eq!(found[0].gravity, Gravity::Note);
    let mut node = root(&[("_default", Some(GOOD))]);
    node.directories[0].missing = vec!["../ca.crt".to_owned()];
    let found = judge_containerd(Runtime::Containerd, &[node], &expected());
    assert_eq!(whats(&found), ["it names ../ca.crt, which is not there"]);
}

#[test]
fn the_folder_of_the_gateways_own_ca_shadows_nothing() {
    let own = [("_default", Some(GOOD)), ("gate.corp:5080", None)];
    assert_eq!(judge(&own), []);
    let elsewhere = "server = \"https://quay.io\"\n[host.\"https://quay.io\"]\n";
    let led_away = [
        ("_default", Some(GOOD)),
        ("gate.corp:5080", Some(elsewhere)),
    ];
    assert!(!judge(&led_away).is_empty());
}

#[test]
fn a_directory_is_for_the_registry_that_containerd_makes_it_of() {
    for (name, registry) in [
        ("r.corp_5000_", "r.corp:5000"),
        ("[::1]_5000_", "[::1]:5000"),
        ("[:_1]_", "[::1]"),
        ("[fd00:_a]_", "[fd00::a]"),
        ("docker.io", "docker.io"),
        ("old_name_", "old_name_"),
    ] {
        let directory = &root(&[(name, None)]).directories[0];
        assert_eq!(directory.registry(), registry);
    }
}

#[test]
fn a_gateway_that_is_not_verified_is_worth_a_note() {
    let found = judge(&[("_default", Some(&format!("{GOOD}skip_verify = true\n")))]);
    assert_eq!(whats(&found), ["it sets skip_verify"]);
    assert_eq!(found[0].gravity, Gravity::Note);
}

#[test]
fn a_leftover_directory_shadows_the_default() {
    let found = judge(&[("_default", Some(GOOD)), ("quay.io", None)]);
    assert_eq!(whats(&found), ["the directory has no hosts.toml"]);
    assert_eq!(found[0].about.place, "/certs.d/quay.io");
    assert!(found[0].why.contains("quay.io"));
}

#[test]
fn without_a_default_unnamed_registries_are_open() {
    assert_eq!(
        whats(&judge(&[("docker.io", Some(GOOD))])),
        ["there is no directory _default"]
    );
    assert_eq!(whats(&judge(&[])), ["there is no directory _default"]);
}

#[test]
fn only_the_registries_that_were_named_may_be_direct() {
    let own = "server = \"https://registry.corp:5000\"\n[host.\"https://registry.corp:5000\"]\n";
    for name in ["registry.corp:5000", "registry.corp_5000_"] {
        assert_eq!(judge(&[("_default", Some(GOOD)), (name, Some(own))]), []);
    }
    let other = judge(&[("_default", Some(GOOD)), ("registry.corp", Some(own))]);
    assert_eq!(other.len(), 3, "{other:#?}");
}

#[test]
fn nothing_behind_the_first_default_is_read() {
    let first = root(&[("_default", Some(GOOD))]);
    let second = root(&[("quay.io", None)]);
    let judge = |roots: &[HostsRoot]| judge_containerd(Runtime::Containerd, roots, &expected());
    assert_eq!(judge(&[first.clone(), second.clone()]), []);
    assert_eq!(judge(&[second, first]).len(), 1);
}

#[test]
fn the_default_tells_which_gateway_is_meant() {
    let named = named_gateway(&[root(&[("_default", Some(GOOD))])]);
    assert_eq!(named.unwrap().as_str(), "https://gate.corp:5080");
    assert_eq!(named_gateway(&[root(&[("docker.io", Some(GOOD))])]), None);
}

const IMAGES: &str = "'io.containerd.cri.v1.images'";
const CRI: &str = "\"io.containerd.grpc.v1.cri\"";
const OLD_CRI: &str = "cri";

/// containerd 2 prints such a section as it stands, beside its own.
#[test]
fn a_config_path_in_a_section_that_containerd_does_not_read_is_none() {
    let path = "config_path = \"/a\"";
    for text in [
        format!("version = 2\n[plugins.cri.registry]\n{path}"),
        format!("version = 2\n[plugins.{IMAGES}.registry]\n{path}"),
        format!("version = 3\n[plugins.cri.registry]\n{path}"),
        format!("[plugins.{CRI}.registry]\n{path}"),
        format!(
            "version = 4\n[plugins.cri.registry]\n{path}\n[plugins.{IMAGES}.registry]\nconfig_path = ''"
        ),
        format!(
            "version = 4\n[plugins.{CRI}.registry]\n{path}\n[plugins.{IMAGES}.registry]\nconfig_path = ''"
        ),
    ] {
        let settings = read_settings(&text).unwrap();
        assert!(settings.config_path.is_empty(), "{text}");
        let found = settings.findings("/c.toml");
        assert_eq!(whats(&found), ["it sets no config_path for the registry"]);
    }
}

#[test]
fn reads_where_containerd_looks_in_every_version_of_its_file() {
    for (version, section) in [
        ("version = 4", IMAGES),
        ("version = 3", IMAGES),
        ("version = 3", CRI),
        ("version = 2", CRI),
        ("version = 1", OLD_CRI),
        ("", OLD_CRI),
    ] {
        let text = format!(
            "{version}\n[grpc]\naddress = \"/run/c.sock\"\n\
             [plugins.{section}.registry]\nconfig_path = \"/a:/b\"\n"
        );
        let settings = read_settings(&text).unwrap();
        assert_eq!(settings.config_path, ["/a", "/b"]);
        assert_eq!(settings.address.as_deref(), Some("/run/c.sock"));
        assert_eq!(settings.findings("/c.toml"), []);
    }
    let old = "[plugins.cri.registry.mirrors.\"docker.io\"]\nendpoint = [\"https://m\"]\n";
    let found = read_settings(old).unwrap().findings("/c.toml");
    assert_eq!(
        whats(&found),
        [
            "it sets no config_path for the registry",
            "it sets registry.mirrors"
        ]
    );
    assert!(read_settings("=").is_err());
}

#[test]
fn a_denial_proves_nothing_where_the_registry_was_asked_too() {
    let denial = "403 sekisho: unknown-upstream: x is no upstream of this gateway";
    assert_eq!(pull_outcome(false, false, denial), PullOutcome::Closed);
    assert_eq!(pull_outcome(false, true, denial), PullOutcome::Open);
    assert_eq!(pull_outcome(true, false, ""), PullOutcome::Open);
    assert_eq!(
        pull_outcome(false, false, "connection refused"),
        PullOutcome::Unproven
    );
    let name = "127.0.0.1:1/sekisho-doctor/00:1: not found";
    assert_eq!(pull_outcome(false, false, name), PullOutcome::Unproven);
}

#[test]
fn a_replica_asks_nobody_but_gateway_and_decoy() {
    let text =
        format!("{GOOD}[host.\"https://quay.io\"]\n[host.'https://ghcr.io']\nskip_verify = true\n");
    let replica = replica_of_hosts(&text, "/certs.d/x", &expected(), "127.0.0.1:9").unwrap();
    let file: toml::Table = replica.parse().unwrap();
    let hosts: Vec<_> = file["host"].as_table().unwrap().keys().collect();
    assert_eq!(file["server"].as_str(), Some("https://gate.corp:5080"));
    for place in [
        "https://gate.corp:5080",
        "http://127.0.0.1:9",
        "http://127.0.0.1:9/1",
    ] {
        assert!(hosts.iter().any(|host| *host == place), "{replica}");
    }
    assert_eq!(
        replica_of_hosts("= bad", "/x", &expected(), "x").unwrap(),
        "= bad"
    );
    let escaped = "server = \"https://quay\\u002eio\"";
    let moved = |text| replica_of_hosts(text, "/certs.d/x", &expected(), "127.0.0.1:9");
    assert_eq!(moved(escaped), None);
    let named = moved(&format!(
        "ca = \"../ca.crt\"\n{GOOD}client = [\"/own.pem\"]\n"
    ))
    .unwrap();
    assert!(named.contains("ca = \"/certs.d/x/../ca.crt\""), "{named}");
    assert!(named.contains("client = [\"/own.pem\"]"), "{named}");
}

fn conf(texts: &[&str]) -> Registries {
    let files: Vec<_> = texts
        .iter()
        .enumerate()
        .map(|(index, text)| ConfFile {
            path: format!("/{index}.conf"),
            text: (*text).to_owned(),
        })
        .collect();
    read_registries(&files)
}

const BLOCKED: &str = "[[registry]]\nprefix = \"docker.io\"\nlocation = \"docker.io\"\nblocked = true\n\
                       [[registry.mirror]]\nlocation = \"gate.corp:5080/docker.io\"\n";

fn open(registries: &Registries) -> Vec<String> {
    registries
        .findings(Runtime::Crio, "/etc/containers", &expected())
        .into_iter()
        .filter(|found| found.gravity == Gravity::Wrong)
        .map(|found| found.what)
        .collect()
}

#[test]
fn a_blocked_source_behind_the_gateway_is_closed() {
    assert_eq!(open(&conf(&[BLOCKED])), [""; 0]);
    let rewritten =
        "[[registry]]\nprefix = \"docker.io\"\nlocation = \"gate.corp:5080/docker.io\"\n";
    assert_eq!(open(&conf(&[rewritten])), [""; 0]);
}

#[test]
fn open_tables_are_reported() {
    let unblocked = BLOCKED.replace("true", "false");
    let second = format!("{BLOCKED}[[registry.mirror]]\nlocation = \"quay.io/x\"\n");
    let part = format!("{BLOCKED}[[registry]]\nprefix = \"docker.io/library\"\n");
    let search = format!("unqualified-search-registries = [\"quay.io\"]\n{BLOCKED}");
    for (texts, told) in [
        (vec![unblocked.as_str()], "docker.io is not blocked"),
        (vec![""], "no table names docker.io"),
        (vec![&second], "docker.io has another mirror: \"quay.io/x\""),
        (vec![&part], "docker.io/library is not blocked"),
        (vec![&search], "no table names quay.io"),
        (vec![BLOCKED, &unblocked], "docker.io is not blocked"),
    ] {
        assert_eq!(open(&conf(&texts)), [told], "{texts:?}");
    }
    assert_eq!(open(&conf(&[&unblocked, BLOCKED])), [""; 0]);
}

#[test]
fn a_file_that_podman_cannot_read_is_not_called_closed() {
    let unknown = |text: &str| {
        let found = conf(&[text]).findings(Runtime::Podman, "/etc/containers", &expected());
        let unknown = found
            .into_iter()
            .filter(|it| it.gravity == Gravity::Unknown);
        unknown.map(|it| it.what).collect::<Vec<_>>()
    };
    assert_eq!(unknown(BLOCKED), [""; 0]);
    assert_eq!(
        unknown(&format!("{BLOCKED}[aliases]\n\"a\" = \"docker.io/b\"\n")),
        [""; 0]
    );
    for (text, told) in [
        (format!("\u{feff}{BLOCKED}"), "byte order mark"),
        (format!("x = {{ a = 1,\n b = 2 }}\n{BLOCKED}"), "line break"),
        (
            BLOCKED.replace("gate.corp:5080", "[fd00::1]:5080"),
            "[fd00::1]",
        ),
        (
            BLOCKED.replace("gate.corp:5080", "https://gate.corp:5080"),
            "https://",
        ),
    ] {
        let found = unknown(&text);
        assert!(
            found.len() == 1 && found[0].contains(told),
            "{text}: {found:?}"
        );
    }
}

#[test]
fn a_replica_of_a_table_says_of_the_decoy_what_it_says_of_the_registry() {
    let registries = conf(&[BLOCKED]);
    let text = replica_of_registry(&registries, "docker.io", &expected(), "127.0.0.1:9");
    let replica = conf(&[&text]);
    assert_eq!(
        replica.prefixes(&expected()).collect::<Vec<_>>(),
        ["127.0.0.1:9"]
    );
    let table = &replica.entries["127.0.0.1:9"].table;
    assert_eq!(table["location"].as_str(), Some("127.0.0.1:9"));
    assert_eq!(table["blocked"].as_bool(), Some(true));
    assert_eq!(
        table["mirror"][0]["location"].as_str(),
        Some("gate.corp:5080/docker.io")
    );
    let nothing = replica_of_registry(&registries, "quay.io", &expected(), "127.0.0.1:9");
    assert_eq!(nothing, "");
}

#[test]
fn docker_is_open_unless_its_store_reads_mirror_files() {
    let classic = r#"{"ServerVersion":"28.0","DriverStatus":[["Backing Filesystem","extfs"]],
        "RegistryConfig":{"Mirrors":["https://gate.corp:5080/"]}}"#;
    let state = DockerState::read(classic).unwrap();
    let good = root(&[("_default", Some(GOOD)), ("docker.io", Some(GOOD))]);
    let found = judge_docker(&state, &good, &expected());
    assert_eq!(found[0].gravity, Gravity::Note);
    assert_eq!(found[1].gravity, Gravity::Wrong);
    let store = r#"{"ServerVersion":"29.0","DriverStatus":[["driver-type","io.containerd.snapshotter.v1"]]}"#;
    let state = DockerState::read(store).unwrap();
    assert_eq!(judge_docker(&state, &good, &expected()), []);
    assert_eq!(judge_docker(&state, &root(&[]), &expected()).len(), 1);
    assert_eq!(DockerState::read("{\"ServerErrors\":[\"no\"]}"), None);
}

#[test]
fn a_file_may_name_several_gateways_and_nothing_besides() {
    let mut both = expected();
    both.gateways
        .push(GatewayUrl::parse("http://gate-b.corp").unwrap());
    let judge = |text: &str| {
        let root = root(&[("_default", Some(text))]);
        judge_containerd(Runtime::Containerd, &[root], &both)
    };
    let hosts = "server = \"http://gate-b.corp\"\n[host.\"https://gate.corp:5080\"]\n[host.\"http://gate-b.corp\"]\n";
    assert_eq!(judge(hosts), []);
    let other = format!("{hosts}[host.\"http://gate-c.corp\"]\n");
    let open = judge(&other);
    assert_eq!(
        whats(&open),
        ["it names another [host]: \"http://gate-c.corp\""]
    );
    assert!(open[0].next_step.contains("--gateway"));
}

#[test]
fn a_registry_may_have_several_gateways_as_mirrors_and_nothing_besides() {
    let mut both = expected();
    both.gateways
        .push(GatewayUrl::parse("http://gate-b.corp").unwrap());
    let judge = |third: &str| {
        let text = format!(
            "[[registry]]\nprefix = \"docker.io\"\nblocked = true\n\
             [[registry.mirror]]\nlocation = \"gate.corp:5080/docker.io\"\n\
             [[registry.mirror]]\nlocation = \"gate-b.corp/docker.io\"\n{third}"
        );
        let path = "/etc/containers/registries.conf".to_owned();
        let found = read_registries(&[ConfFile { path, text }]);
        let found = found.findings(Runtime::Crio, "/etc/containers", &both);
        let wrong = found.into_iter().filter(|it| it.gravity == Gravity::Wrong);
        wrong.map(|it| it.what).collect::<Vec<_>>()
    };
    assert_eq!(judge(""), [] as [String; 0]);
    let third = "[[registry.mirror]]\nlocation = \"gate-c.corp/docker.io\"\n";
    assert_eq!(judge(third).len(), 1);
}

#[test]
fn keys_that_runtimes_take_in_another_case_are_open() {
    for more in [
        "[[registry.Mirror]]\nlocation = \"quay.io\"\n",
        "[[registry.mirror]]\nlocation = \"gate.corp:5080/x\"\nLocation = \"quay.io\"\n",
        "[[registry]]\nprefix = \"quay.io\"\nblocked = true\nMirror = []\n",
        "[[\"regiſtry\"]]\nprefix = \"docker.io\"\n",
    ] {
        let found = open(&conf(&[&format!("{BLOCKED}{more}")]));
        let told = |what: &String| what.contains("in another case");
        assert!(found.iter().any(told), "{more}: {found:?}");
    }
    assert_eq!(open(&conf(&[BLOCKED])), [] as [String; 0]);
}
