//! Values that do not hold together are refused before anything changes, with the next
//! step.

use serde_json::{Value, json};

use super::values::{POSTGRES, SAMPLE, by_hand, with_agents};
use crate::lab::{Helm, or_skip};

const DATA: &str = "data_dir = \"/var/lib/sekisho\"";

#[test]
fn a_configuration_that_no_pod_could_run_is_refused() {
    let helm = or_skip!(Helm::alone());
    let sqlite = "[ledger]\nurl = \"sqlite:///srv/ledger.db\"\n[cache]";
    for (from, to, told) in [
        (
            "data_dir = \"/var",
            "data_dir = \"var",
            "no absolute data_dir",
        ),
        (DATA, "data_dir = \"/\"", "which no Pod can mount"),
        (DATA, "data_dir = \"/var/../x\"", "which no Pod can mount"),
        (
            DATA,
            "data_dir = \"/var/lib/a:b\"",
            "which no Pod can mount",
        ),
        (DATA, "data_dir = \"/etc\"", "would hide /etc/sekisho"),
        (
            DATA,
            "data_dir = \"/etc/sekisho/\"",
            "would hide /etc/sekisho",
        ),
        (DATA, "data_dir = \"/proc\"", "would hide /proc"),
        (
            "[cache]",
            "[cache]\npath = \"/var/lib/sekisho/../cache\"",
            "/var/lib/sekisho/../cache outside data_dir",
        ),
        ("[webhook]", "[webhook_]", "no [webhook]: write it"),
        (
            "0.0.0.0:5443",
            "127.0.0.1:5443",
            "no [webhook] that others reach",
        ),
        ("0.0.0.0:5082", "[::1]:5082", "no [ops] that others reach"),
        (
            "0.0.0.0:5080",
            "127.0.0.1:5080",
            "no listener of the cluster's environment",
        ),
        ("[cache]", sqlite, "/srv/ledger.db outside data_dir"),
        (
            "[cache]",
            "[cache]\npath = \"/srv/cache\"",
            "/srv/cache outside data_dir",
        ),
        ("40GiB", "40 GB", "is no size; write 512MiB"),
        (
            "nodes = ",
            "namespace = \"gate\"\nnodes = ",
            "config says gate",
        ),
        (
            "nodes = ",
            "kubeconfig = \"k\"\nnodes = ",
            "the Pod's own account speaks for one",
        ),
        ("[cache]", "[cache", "config is no TOML"),
        (
            "[cache]",
            "[nodes]\nsigning_key = \"nodes.key\"\n[cache]",
            "nodes.signing_key = \"nodes.key\", which no Pod mounts",
        ),
        (
            "name = \"docker.io\"",
            "name = \"docker.io\"\ncredentials = { username = \"u\", password_file = \"/etc/sekisho/p\" }",
            "upstreams.credentials.password_file = \"/etc/sekisho/p\"",
        ),
        (
            "tls = \"auto\"",
            "tls = { certificate = \"tls/tls.crt\", key = \"secrets/tls.key\" }",
            "listeners.tls.certificate = \"tls/tls.crt\"",
        ),
    ] {
        assert!(SAMPLE.contains(from), "{from}");
        let values = by_hand(&SAMPLE.replacen(from, to, 1));
        let said = helm.template(&values, &[]).expect_err(to);
        assert!(said.contains(told), "{to}: {said}");
    }
}

#[test]
fn agents_that_could_not_run_or_reach_the_gateway_are_refused() {
    let helm = or_skip!(Helm::alone());
    let key = "-----BEGIN PUBLIC KEY-----";
    let agents = |config: &str, values: Value| {
        let mut all: Value = serde_json::from_str(&by_hand(config)).unwrap();
        all["nodeAgent"] = values;
        helm.template(&all.to_string(), &[])
    };
    let well = json!({ "enabled": true, "snapshotKey": key, "ca": "-----BEGIN CERTIFICATE-----" });
    let config = with_agents();
    agents(&config, well.clone()).unwrap();
    for (name, value, told) in [
        ("snapshotKey", json!(""), "nodeAgent.snapshotKey is missing"),
        (
            "snapshotKey",
            json!("-----BEGIN PRIVATE KEY-----"),
            "snapshotKey",
        ),
        ("ca", json!(""), "nodeAgent.ca is missing"),
        ("namespace", json!("agents"), "agents is not exempt"),
        ("namespace", json!("sekisho"), "name another one"),
        (
            "criSocket",
            json!("/containerd.sock"),
            "/nodeAgent/criSocket",
        ),
        (
            "gateways",
            json!(["http://gate.corp"]),
            "/nodeAgent/gateways/0",
        ),
        (
            "sockets",
            json!("x"),
            "additional properties 'sockets' not allowed",
        ),
    ] {
        let mut values = well.clone();
        values[name] = value;
        let said = agents(&config, values).expect_err(name);
        assert!(said.contains(told), "{name}: {said}");
    }
    for (from, to, told) in [
        (
            "[environments.production.nodes]",
            "",
            "has no [environments.production.nodes]",
        ),
        ("tls = \"auto\"", "#", "config has no tls on the listener"),
        (
            "tls = \"auto\"",
            "auth = \"mtls\"\ntls = { client_ca = \"secrets/ca.crt\" }",
            "nodeAgent.certificateFolder is missing",
        ),
    ] {
        assert!(config.contains(from), "{from}");
        let said = agents(&config.replacen(from, to, 1), well.clone()).expect_err(to);
        assert!(said.contains(told), "{to}: {said}");
    }
}

#[test]
fn values_that_are_misspelt_or_do_not_fit_the_ledger_are_refused() {
    let helm = or_skip!(Helm::alone());
    let (one, shared) = (by_hand(SAMPLE), by_hand(&format!("{SAMPLE}{POSTGRES}")));
    for (values, set, told) in [
        (&one, "image=", "image is missing"),
        (&one, "config=", "config is missing"),
        (
            &one,
            "replica=3",
            "additional properties 'replica' not allowed",
        ),
        (&one, "replicas=0", "/replicas"),
        (
            &one,
            "autoscaling.enabled=true",
            "an SQLite file has one program",
        ),
        (
            &one,
            "storage.emptyDir=true",
            "the ledger would end with its Pod",
        ),
        (
            &shared,
            "certificate.enabled=true",
            "/certificate/issuerRef",
        ),
        (&shared, "gateway.type=Loadbalancer", "/gateway/type"),
        (&shared, "policies[0].kind=Pod", "/policies/0"),
    ] {
        let said = helm.template(values, &["--set", set]).expect_err(set);
        assert!(said.contains(told), "{set}: {said}");
    }
}
