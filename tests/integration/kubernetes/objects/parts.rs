//! All that is printed is taken, and gives no more rights than are used.

use std::sync::OnceLock;

use sekisho::kubernetes::objects::{Endpoint, webhook_configurations};
use serde_json::{Value, json};

use super::site::{Cluster, installation, tried};
use crate::lab::kubernetes::{Kubectl, Version, shared};
use crate::lab::{Missing, Outcome, or_skip};

const ACCOUNT: &str = "--as=system:serviceaccount:sekisho:sekisho";

/// One for all tests here but the first.
fn newest() -> Result<&'static Cluster, Missing> {
    static CLUSTER: OnceLock<Result<Cluster, Missing>> = OnceLock::new();
    shared(&CLUSTER, || {
        Cluster::with_all(Version::V1_37, &installation())
    })
}

/// `kubectl apply --server-side` as the program's account, which is how it writes.
fn apply_as_the_program(kubectl: &Kubectl, object: &Value) -> Outcome {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    serde_json::to_writer(&mut file, object).unwrap();
    let path = file.path().to_str().unwrap();
    kubectl.run(&["apply", "--server-side", ACCOUNT, "-f", path])
}

#[test]
fn both_generations_take_all_that_is_printed() {
    for of in Version::ALL {
        let cluster = or_skip!(Cluster::with_all(of, &installation()));
        cluster.apply(&webhook_configurations(&installation()));
        let service = ["service", "sekisho", "-n", "sekisho"];
        assert!(cluster.kubectl().get(&service).is_some());
    }
}

#[test]
fn the_programs_own_pod_is_taken_in_its_own_namespace() {
    let cluster = or_skip!(newest());
    let kubectl = cluster.kubectl();
    let deployment = kubectl
        .get(&["deployment", "sekisho", "-n", "sekisho"])
        .unwrap();
    let own = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": "own", "namespace": "sekisho" },
        "spec": deployment["spec"]["template"]["spec"],
    });
    let made: Value = serde_json::from_str(&tried(&kubectl, &own).expect_ok()).unwrap();
    assert_eq!(made["spec"]["priority"], 2_000_000_000);
}

#[test]
fn the_account_makes_its_own_configurations_and_no_others() {
    let cluster = or_skip!(newest());
    let kubectl = cluster.kubectl();
    let mut installation = installation();
    installation.endpoint = Endpoint::Url("https://127.0.0.1:1".to_owned());
    for configuration in webhook_configurations(&installation) {
        apply_as_the_program(&kubectl, &configuration).expect_ok();
        apply_as_the_program(&kubectl, &configuration).expect_ok();
        let mut other = configuration;
        other["metadata"]["name"] = json!("zz-other");
        apply_as_the_program(&kubectl, &other).expect_failure();
    }
    let delete = [
        "delete",
        ACCOUNT,
        "mutatingwebhookconfiguration",
        "zz-sekisho-prod",
    ];
    kubectl.run(&delete).expect_failure();
}

#[test]
fn the_account_reads_no_secret_but_its_own() {
    let cluster = or_skip!(newest());
    let kubectl = cluster.kubectl();
    let make = |name: &str, who: &str| {
        let arguments = ["create", "secret", "generic", name, "-n", "sekisho", who];
        kubectl.run(&arguments).expect_ok();
    };
    make("sekisho-webhook-tls", ACCOUNT);
    make("sekisho-secrets", "--validate=true");
    let read = |name: &str| kubectl.run(&["get", "secret", name, "-n", "sekisho", ACCOUNT]);
    read("sekisho-webhook-tls").expect_ok();
    read("sekisho-secrets").expect_failure();
    kubectl
        .run(&["get", "secrets", "-n", "sekisho", ACCOUNT])
        .expect_failure();
    kubectl
        .run(&["get", "pods", "--all-namespaces", ACCOUNT])
        .expect_ok();
}
