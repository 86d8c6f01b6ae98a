//! `kubernetes manifests` follows the configuration of `serve`.

use std::fs;
use std::path::{Path, PathBuf};

use sekisho::node_snapshot::SnapshotKey;
use serde_json::Value;

use super::program::{Program, Run, scratch};
use crate::lab::{Authority, SNAPSHOT_KEY};

const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config/kubernetes.toml");
const IMAGE: [&str; 2] = ["--image", "registry.corp/sekisho:1"];

fn manifests(config: &Path, arguments: &[&str]) -> Run {
    let mut program = Program::new(&["kubernetes", "manifests"]).config(config);
    for argument in arguments {
        program = program.arg(argument);
    }
    program.run()
}

/// The sample with one line of it replaced.
fn changed(folder: &Path, from: &str, to: &str) -> PathBuf {
    let text = fs::read_to_string(SAMPLE).unwrap();
    assert!(text.contains(from), "{from}");
    let file = folder.join("sekisho.toml");
    fs::write(&file, text.replace(from, to)).unwrap();
    file
}

fn kinds(run: &Run) -> Vec<String> {
    assert_eq!(run.code, 0, "{run:?}");
    let objects: Vec<Value> = serde_saphyr::from_multiple(&run.stdout).unwrap();
    let kind = |object: &Value| object["kind"].as_str().unwrap().to_owned();
    objects.iter().map(kind).collect()
}

#[test]
fn the_sample_is_a_configuration_that_can_be_applied() {
    let check = Program::new(&["check-config"])
        .config(Path::new(SAMPLE))
        .run();
    assert_eq!(check.code, 0, "{check:?}");
    let run = manifests(Path::new(SAMPLE), &IMAGE);
    let kinds = kinds(&run);
    for kind in [
        "Namespace",
        "Deployment",
        "Service",
        "ValidatingAdmissionPolicy",
    ] {
        assert!(kinds.iter().any(|found| found == kind), "{kind}: {kinds:?}");
    }
    assert!(!run.stdout.contains("WebhookConfiguration\n"), "{run:?}");
    assert!(
        run.stdout
            .starts_with("# Sekisho for the cluster production-a."),
        "{run:?}"
    );
}

#[test]
fn the_configuration_is_carried_along_word_by_word() {
    let arguments = [&IMAGE[..], &["--only", "workload", "--output", "json"]].concat();
    let run = manifests(Path::new(SAMPLE), &arguments);
    let all: Value = serde_json::from_str(&run.stdout).unwrap();
    let mut items = all["items"].as_array().unwrap().iter();
    let config = items.find(|item| item["kind"] == "ConfigMap").unwrap();
    let text = fs::read_to_string(SAMPLE).unwrap();
    assert_eq!(config["data"]["sekisho.toml"], text);
}

#[test]
fn a_gateway_outside_gets_its_webhooks_and_no_workload() {
    let folder = scratch();
    let ca = folder.path().join("ca.crt");
    fs::write(&ca, "-----BEGIN CERTIFICATE-----\n").unwrap();
    let url = ["--webhook-url", "https://sekisho.corp:5443", "--ca"];
    let run = manifests(
        Path::new(SAMPLE),
        &[&url[..], &[ca.to_str().unwrap()]].concat(),
    );
    assert_eq!(
        kinds(&run),
        [
            "ValidatingAdmissionPolicy",
            "ValidatingAdmissionPolicyBinding",
            "MutatingWebhookConfiguration",
            "ValidatingWebhookConfiguration"
        ]
    );
    let address = "url: https://sekisho.corp:5443/clusters/production-a/mutate";
    assert!(run.stdout.contains(address), "{run:?}");
    assert!(run.stdout.contains("caBundle: LS0tLS1CRUdJTi"), "{run:?}");
}

#[test]
fn it_is_said_who_puts_the_webhooks_in_force() {
    let folder = scratch();
    let itself = manifests(Path::new(SAMPLE), &IMAGE);
    assert!(
        itself.stdout.contains("puts them in force itself"),
        "{itself:?}"
    );
    let own = "0.0.0.0:5443\"\n\
               tls = { certificate = \"secrets/tls.crt\", key = \"secrets/tls.key\" }";
    let file = changed(folder.path(), "0.0.0.0:5443\"", own);
    let by_hand = manifests(&file, &IMAGE);
    assert!(
        by_hand.stdout.contains("apply them with --only webhooks"),
        "{by_hand:?}"
    );
}

#[test]
fn newer_clusters_rewrite_by_themselves() {
    let run = manifests(
        Path::new(SAMPLE),
        &["--only", "policies", "--kubernetes-version", "v1.36.1"],
    );
    assert_eq!(kinds(&run)[2], "MutatingAdmissionPolicy");
}

#[test]
fn what_the_configuration_lacks_is_named_with_the_next_step() {
    let folder = scratch();
    for (from, to, part) in [
        ("[webhook] ", "[webhook_]", "webhook_"),
        (
            "address = \"0.0.0.0:5082\"",
            "address = \"127.0.0.1:5082\"",
            "no [ops] that others reach",
        ),
        (
            "address = \"0.0.0.0:5080\"",
            "address = \"127.0.0.1:5080\"",
            "for production the listener 127.0.0.1:5080 alone, which no node reaches",
        ),
        (
            "data_dir = \"/var/lib/sekisho\"",
            "data_dir = \"data\"",
            "no absolute data_dir",
        ),
        (
            "[[upstreams]]\nname = \"registry.corp\"",
            "[[clusters]]\nname = \"b\"\nenvironment = \"production\"\n\
             gateway = \"registry.example:5080\"\n[[upstreams]]\nname = \"registry.corp\"",
            "write kubeconfig for every cluster but production-a",
        ),
        (
            "[cache]",
            "[cache]\npath = \"/srv/cache\"",
            "/srv/cache outside data_dir",
        ),
    ] {
        let file = changed(folder.path(), from, to);
        let arguments = [&IMAGE[..], &["--cluster", "production-a"]].concat();
        let run = manifests(&file, &arguments);
        assert_eq!(run.code, 64, "{to}: {run:?}");
        assert!(run.stderr.contains(part), "{to}: {run:?}");
        assert_eq!(run.stdout, "", "{to}");
    }
}

#[test]
fn a_data_dir_where_no_pod_could_have_its_volume_is_refused() {
    let folder = scratch();
    for bad in [
        "/",
        "/etc",
        "/etc/sekisho",
        "/etc/sekisho/",
        "/etc/sekisho/secrets/x",
        "/proc",
        "/sys/fs",
        "/usr",
        "/var",
        "/var/../x",
        "//var/lib/sekisho",
        "/var/lib/a:b",
        "/var/lib/a\\nb",
    ] {
        let to = format!("data_dir = \"{bad}\"");
        let file = changed(folder.path(), "data_dir = \"/var/lib/sekisho\"", &to);
        for more in [&[][..], &["--helm-values"]] {
            let run = manifests(&file, &[&IMAGE[..], more].concat());
            assert_eq!(run.code, 64, "{bad}: {run:?}");
            assert!(run.stderr.contains(&to), "{bad}: {run:?}");
            assert_eq!(run.stdout, "", "{bad}");
        }
    }
    for good in [
        "/var/lib/sekisho/",
        "/srv",
        "/data/a b",
        "/etc/sekisho-data",
    ] {
        let to = format!("data_dir = \"{good}\"");
        let file = changed(folder.path(), "data_dir = \"/var/lib/sekisho\"", &to);
        let run = manifests(&file, &IMAGE);
        assert_eq!(run.code, 0, "{good}: {run:?}");
    }
    let out = "[cache]\npath = \"/var/lib/sekisho/../cache\"";
    let run = manifests(&changed(folder.path(), "[cache]", out), &IMAGE);
    assert_eq!(run.code, 64, "{run:?}");
    assert!(run.stderr.contains("outside data_dir"), "{run:?}");
}

/// In a Pod lie the configuration and what is mounted beside it, and nothing else.
#[test]
fn a_file_that_no_pod_mounts_is_named_with_where_it_belongs() {
    let folder = scratch();
    let at = |line: &str| format!("{line}\n[cache]");
    for (to, named, step) in [
        (
            at("[nodes]\nsigning_key = \"nodes.key\""),
            "nodes.signing_key = \"nodes.key\"",
            "write \"secrets/nodes.key\"",
        ),
        (
            at(
                "[ledger]\nurl = \"postgres://sekisho@db.example/sekisho\"\n\
                password_file = \"/etc/sekisho/password\"",
            ),
            "ledger.password_file = \"/etc/sekisho/password\"",
            "write \"secrets/password\"",
        ),
        (
            at("[[notify]]\nname = \"chat\"\nurl_file = \"./chat\""),
            "notify[0].url_file = \"./chat\"",
            "write \"secrets/chat\"",
        ),
        (
            at("[[upstreams]]\nname = \"a.corp\"\nca = \"tls/ca.crt\""),
            "upstreams[2].ca = \"tls/ca.crt\"",
            "write \"secrets/ca.crt\"",
        ),
        (
            at("[[upstreams]]\nname = \"a.corp\"\nca = \"secrets/../../x.crt\""),
            "upstreams[2].ca = \"secrets/../../x.crt\"",
            "write \"secrets/x.crt\"",
        ),
    ] {
        let file = changed(folder.path(), "[cache]", &to);
        for more in [&[][..], &["--only", "workload"], &["--helm-values"]] {
            // The chart may mount a certificate of its own there.
            if named.contains("tls/") && more == ["--helm-values"] {
                continue;
            }
            let run = manifests(&file, &[&IMAGE[..], more].concat());
            assert_eq!(run.code, 64, "{to}: {run:?}");
            assert!(run.stderr.contains(named), "{to}: {run:?}");
            assert!(run.stderr.contains(step), "{to}: {run:?}");
            assert_eq!(run.stdout, "", "{to}");
        }
    }
    // A gateway outside the cluster has its files where it runs.
    let file = changed(
        folder.path(),
        "[cache]",
        &at("[nodes]\nsigning_key = \"nodes.key\""),
    );
    let outside = manifests(&file, &["--only", "policies"]);
    assert_eq!(outside.code, 0, "{outside:?}");
}

#[test]
fn what_is_mounted_may_be_named() {
    let folder = scratch();
    let data = "data_dir = \"/var/lib/sekisho\"";
    let folders = format!(
        "{data}\nexceptions_dir = \"exceptions\"\nadvisories_dir = \"/etc/sekisho/advisories/a\""
    );
    let file = changed(folder.path(), data, &folders);
    let text = fs::read_to_string(&file).unwrap();
    let account = "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt";
    let more = format!(
        "[nodes]\nsigning_key = \"./secrets/nodes.key\"\n\
         [[upstreams]]\nname = \"a.corp\"\nca = \"{account}\"\n"
    );
    fs::write(&file, format!("{text}\n{more}")).unwrap();
    assert_eq!(manifests(&file, &IMAGE).code, 0);
    let dir = changed(
        folder.path(),
        data,
        &format!("{data}\nexceptions_dir = \"policy\""),
    );
    let elsewhere = manifests(&dir, &IMAGE);
    assert_eq!(elsewhere.code, 64, "{elsewhere:?}");
    assert!(
        elsewhere.stderr.contains("write \"exceptions\""),
        "{elsewhere:?}"
    );
}

#[test]
fn mistakes_are_reported_before_anything_is_printed() {
    let url = ["--webhook-url", "https://sekisho.corp:5443"];
    let cases: [(&[&str], i32, &str); 8] = [
        (&[], 2, "--image is missing"),
        (
            &["--image", "registry.example:5080/docker.io/sekisho"],
            1,
            "through the gateway that it runs",
        ),
        (&["--cluster", "other"], 2, "name one of: production-a"),
        (&["--namespace", "other"], 2, "configured is sekisho"),
        (&["--only", "webhooks"], 2, "--ca FILE"),
        (
            &[&url[..], &["--only", "workload"]].concat(),
            2,
            "outside the cluster",
        ),
        (&url, 1, "there is no authority yet"),
        (
            &["--only", "policies", "--kubernetes-version", "1.29"],
            2,
            "1.30 or later",
        ),
    ];
    for (arguments, code, part) in cases {
        let run = manifests(Path::new(SAMPLE), arguments);
        assert_eq!(run.code, code, "{arguments:?}: {run:?}");
        assert!(run.stderr.contains(part), "{arguments:?}: {run:?}");
        assert_eq!(run.stdout, "", "{arguments:?}");
    }
}

/// The sample with agents on nodes, a key that signs and an authority.
fn with_agents(folder: &Path) -> PathBuf {
    let from = "nodes = \"rewrite-only\"";
    let file = changed(
        folder,
        from,
        &format!("exempt_namespaces = [\"sekisho-node\"]\n{from}"),
    );
    let text = fs::read_to_string(&file).unwrap();
    let agents = "[environments.production.nodes]\n[nodes]\nsigning_key = \"secrets/nodes.key\"\n";
    fs::write(&file, format!("{text}\n{agents}")).unwrap();
    fs::write(folder.join("nodes.key"), SNAPSHOT_KEY).unwrap();
    fs::copy(Authority::create().certificate(), folder.join("ca.crt")).unwrap();
    file
}

#[test]
fn agents_are_printed_only_where_they_are_asked_for() {
    let folder = scratch();
    let file = with_agents(folder.path());
    let at = |name: &str| folder.path().join(name).display().to_string();
    let (key, ca) = (at("nodes.key"), at("ca.crt"));
    let agents = ["--snapshot-key", &key, "--gateway-ca", &ca];
    let without = kinds(&manifests(&file, &IMAGE));
    assert!(!without.contains(&"DaemonSet".to_owned()), "{without:?}");
    let only = manifests(
        &file,
        &[&IMAGE[..], &["--only", "node-agent"], &agents].concat(),
    );
    let parts = ["Namespace", "ServiceAccount", "ConfigMap", "DaemonSet"];
    assert_eq!(kinds(&only), parts);
    let with = manifests(&file, &[&IMAGE[..], &["--node-agent"], &agents].concat());
    assert_eq!(
        kinds(&with),
        [without, parts.map(str::to_owned).to_vec()].concat()
    );
    // Of the key that signs, its public half.
    let pem = SnapshotKey::from_pem(SNAPSHOT_KEY)
        .unwrap()
        .public_key()
        .to_pem();
    let public = pem.lines().nth(1).unwrap();
    assert!(only.stdout.contains(public), "{only:?}");
    assert!(!only.stdout.contains("PRIVATE"), "{only:?}");
    let token = "sekisho token create --name nodes --role node --environment production --output";
    assert!(only.stdout.contains(token), "{only:?}");
    assert!(
        only.stdout
            .contains("--gateway=https://registry.example:5080"),
        "{only:?}"
    );
    fs::write(&key, &pem).unwrap();
    let by_public = manifests(
        &file,
        &[&IMAGE[..], &["--only", "node-agent"], &agents].concat(),
    );
    assert_eq!(by_public.stdout, only.stdout);
}

#[test]
fn what_agents_lack_is_named_with_the_next_step() {
    let folder = scratch();
    let file = with_agents(folder.path());
    let at = |name: &str| folder.path().join(name).display().to_string();
    let (key, ca) = (at("nodes.key"), at("ca.crt"));
    let asked = [&IMAGE[..], &["--only", "node-agent"]].concat();
    for (arguments, code, part) in [
        (&["--gateway-ca", &*ca][..], 2, "--snapshot-key is missing"),
        (&["--snapshot-key", &key], 2, "name a copy of its ca.crt"),
        (
            &["--snapshot-key", &ca, "--gateway-ca", &ca],
            1,
            "no Ed25519 public key",
        ),
        (
            &["--snapshot-key", &key, "--gateway-ca", &key],
            1,
            "--gateway-ca",
        ),
        (
            &[
                "--snapshot-key",
                &key,
                "--gateway-ca",
                &ca,
                "--cri-socket",
                "/c.sock",
            ],
            1,
            "no path of a node below a folder",
        ),
        (&["--node-agent"], 2, "cannot be used with"),
    ] {
        let run = manifests(&file, &[&asked, arguments].concat());
        assert_eq!(run.code, code, "{arguments:?}: {run:?}");
        assert!(run.stderr.contains(part), "{arguments:?}: {run:?}");
        assert_eq!(run.stdout, "", "{arguments:?}");
    }
    let whole = ["--snapshot-key", &key, "--gateway-ca", &ca];
    let text = fs::read_to_string(&file).unwrap();
    for (from, to, part) in [
        (
            "exempt_namespaces = [\"sekisho-node\"]",
            "",
            "add \"sekisho-node\" to exempt_namespaces",
        ),
        (
            "[environments.production.nodes]",
            "",
            "write [environments.production.nodes]",
        ),
        (
            "tls = \"auto\"",
            "insecure = true",
            "no tls on the listener",
        ),
    ] {
        assert!(text.contains(from), "{from}");
        fs::write(&file, text.replacen(from, to, 1)).unwrap();
        let run = manifests(&file, &[&asked[..], &whole].concat());
        assert_ne!(run.code, 0, "{from}");
        assert!(run.stderr.contains(part), "{from}: {run:?}");
    }
}

/// Known where this machine has the key that signs, too.
#[test]
fn a_key_that_signs_nothing_is_not_given_to_agents() {
    let folder = scratch();
    let file = with_agents(folder.path());
    let at = |name: &str| folder.path().join(name).display().to_string();
    let (other, ca) = (at("other.pub"), at("ca.crt"));
    let signs = SnapshotKey::from_pem(SNAPSHOT_KEY)
        .unwrap()
        .public_key()
        .to_pem();
    let stranger = "-----BEGIN PUBLIC KEY-----\n\
                    MCowBQYDK2VwAyEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\
                    -----END PUBLIC KEY-----\n";
    let agents = ["--snapshot-key", &other, "--gateway-ca", &ca];
    let asked = [&IMAGE[..], &["--only", "node-agent"], &agents].concat();
    fs::write(&other, stranger).unwrap();
    assert_eq!(manifests(&file, &asked).code, 0);
    fs::create_dir(folder.path().join("secrets")).unwrap();
    fs::write(folder.path().join("secrets/nodes.key"), SNAPSHOT_KEY).unwrap();
    let refused = manifests(&file, &asked);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(
        refused.stderr.contains("agents would take no snapshot"),
        "{refused:?}"
    );
    // Both, while one is exchanged for the other.
    fs::write(&other, format!("{stranger}{signs}")).unwrap();
    assert_eq!(manifests(&file, &asked).code, 0);
}

#[test]
fn without_a_cluster_there_is_nothing_to_print() {
    let folder = scratch();
    let file = folder.path().join("sekisho.toml");
    fs::write(&file, "").unwrap();
    let run = manifests(&file, &["--only", "policies"]);
    assert_eq!(run.code, 64, "{run:?}");
    assert!(run.stderr.contains("[[clusters]]"), "{run:?}");
}
