//! Sekisho is gone: what the API server goes on doing by itself, and what comes
//! back with it.

use std::sync::OnceLock;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{CertificateParams, KeyPair};
use serde_json::{Value, json};

use super::guarded::{AUDITED, ENFORCED, Guarded, pod, read};
use crate::lab::kubernetes::{ControlPlane, Kubectl, User, Version, shared};
use crate::lab::{Missing, eventually, or_skip};

const HEALED_WITHIN: Duration = Duration::from_secs(30);

/// Webhooks and policies, and the program; it has not done its work in vain yet.
fn guarded(version: Version) -> Result<Guarded, Missing> {
    let cluster = Guarded::around(ControlPlane::start(version)?, "namespace = \"sekisho\"\n")?;
    cluster.guard(&["policies", "webhooks"]);
    Ok(cluster)
}

/// The same after the program was killed; one of each version.
fn abandoned(version: Version) -> Result<&'static Guarded, Missing> {
    static OLDER: OnceLock<Result<Guarded, Missing>> = OnceLock::new();
    static NEWEST: OnceLock<Result<Guarded, Missing>> = OnceLock::new();
    fn start(version: Version) -> Result<Guarded, Missing> {
        let mut cluster = guarded(version)?;
        cluster.site.gateway.kill();
        cluster.kubectl().create_namespace("sekisho");
        Ok(cluster)
    }
    match version {
        Version::V1_34 => shared(&OLDER, || start(Version::V1_34)),
        Version::V1_37 => shared(&NEWEST, || start(Version::V1_37)),
    }
}

fn image(pod: &Value) -> &str {
    pod["spec"]["containers"][0]["image"].as_str().unwrap()
}

#[test]
fn pods_are_made_without_sekisho_and_newer_clusters_rewrite_them() {
    for version in Version::ALL {
        let cluster = or_skip!(abandoned(version));
        let name = format!("{}/team/other:1", cluster.site.development.address());
        let wanted = match version {
            Version::V1_34 => name.clone(),
            Version::V1_37 => {
                let gateway = cluster.site.gateway.address();
                format!("{gateway}/development/team/other:1")
            }
        };
        let pod = pod(ENFORCED, "ordinary", &name);
        let create = |more: &[&str]| {
            let create = [&["create", "-o", "json"], more].concat();
            let made = cluster.kubectl().on_file(&create, &pod);
            image(&read(&made.expect_ok())).to_owned()
        };
        // An API server reads a policy some moments after it was applied.
        eventually("the policies are in force", HEALED_WITHIN, || {
            (create(&["--dry-run=server"]) == wanted).then_some(())
        });
        assert_eq!(create(&[]), wanted, "{version:?}");
    }
}

#[test]
fn strange_registries_are_refused_without_sekisho() {
    for version in Version::ALL {
        let cluster = or_skip!(abandoned(version));
        for namespace in [ENFORCED, AUDITED] {
            let stranger = pod(namespace, "stranger", "quay.example/x:1");
            let told = cluster.kubectl().apply(&stranger).expect_failure();
            let wanted = "sekisho: registry-not-permitted: quay.example/x:1; use ";
            assert!(told.contains(wanted), "{told}");
        }
    }
}

#[test]
fn own_pods_and_those_of_the_system_are_made_without_sekisho() {
    for version in Version::ALL {
        let cluster = or_skip!(abandoned(version));
        for namespace in ["sekisho", "kube-system"] {
            let own = pod(namespace, "own", "registry.corp/own:1");
            let made = cluster.kubectl().on_file(&["create", "-o", "json"], &own);
            let made = read(&made.expect_ok());
            assert_eq!(image(&made), "registry.corp/own:1");
        }
    }
}

fn lease(renewed: &str) -> String {
    let spec = json!({ "holderIdentity": "node1", "renewTime": renewed });
    let metadata = json!({ "name": "node1", "namespace": "kube-node-lease" });
    json!({
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": metadata,
        "spec": spec,
    })
    .to_string()
}

fn signing_request() -> String {
    let key = KeyPair::generate().unwrap();
    let request = CertificateParams::new(Vec::new()).unwrap();
    let request = request.serialize_request(&key).unwrap().pem().unwrap();
    json!({
        "apiVersion": "certificates.k8s.io/v1",
        "kind": "CertificateSigningRequest",
        "metadata": { "name": "node1" },
        "spec": {
            "request": STANDARD.encode(request),
            "signerName": "example.com/nodes",
            "usages": ["client auth"],
        },
    })
    .to_string()
}

/// What a node needs of the API server to join and to stay.
fn joins(node: &Kubectl) {
    let object = json!({ "apiVersion": "v1", "kind": "Node", "metadata": { "name": "node1" } });
    node.with_file("create", &object.to_string()).expect_ok();
    node.with_file("create", &signing_request()).expect_ok();
    node.with_file("create", &lease("2026-01-01T00:00:00.000000Z"))
        .expect_ok();
    node.with_file("replace", &lease("2026-01-01T00:00:10.000000Z"))
        .expect_ok();
}

#[test]
fn a_node_joins_and_renews_its_lease_without_sekisho() {
    for version in Version::ALL {
        let cluster = or_skip!(abandoned(version));
        joins(&cluster.control.kubectl_as(User::Node));
    }
}

#[test]
fn a_control_plane_that_restarts_without_sekisho_works_and_is_guarded_once_it_is_back() {
    let mut cluster = or_skip!(guarded(Version::V1_37));
    let admitted = cluster.site.image("team/app");
    cluster.admit(&admitted);
    cluster.site.gateway.kill();
    cluster.control.crash_and_restart();
    cluster.until_refused();
    cluster.until_rewritten();
    let kubectl = cluster.kubectl();
    let other = pod(ENFORCED, "other", "team/other:1");
    assert_eq!(image(&cluster.tried(&other)), cluster.named("team/other:1"));
    joins(&cluster.control.kubectl_as(User::Node));

    cluster.site.gateway.crash_and_restart();
    eventually("a denial", HEALED_WITHIN, || {
        let told = kubectl.tried(&other);
        told.text().contains(": not-scanned: ").then_some(())
    });
    let made = cluster.tried(&pod(ENFORCED, "app", "team/app:1"));
    let pinned = format!("{}@{}", cluster.named("team/app:1"), admitted.digest);
    assert_eq!(image(&made), pinned);
}
