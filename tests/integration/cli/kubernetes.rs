//! `kubernetes manifests` follows the configuration of `serve`.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::program::{Program, Run, scratch};

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
    for name in ["tls.crt", "tls.key"] {
        fs::write(folder.path().join(name), "").unwrap();
    }
    let own = "0.0.0.0:5443\"\ntls = { certificate = \"tls.crt\", key = \"tls.key\" }";
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
            "no listener",
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

#[test]
fn without_a_cluster_there_is_nothing_to_print() {
    let folder = scratch();
    let file = folder.path().join("sekisho.toml");
    fs::write(&file, "").unwrap();
    let run = manifests(&file, &["--only", "policies"]);
    assert_eq!(run.code, 64, "{run:?}");
    assert!(run.stderr.contains("[[clusters]]"), "{run:?}");
}
