//! All of Sekisho's Pods are gone, its webhooks fail closed, and the cluster has to
//! come back.

use std::time::{Duration, Instant};

use sekisho::kubernetes::objects::{Endpoint, FailurePolicy, Installation, webhook_configurations};
use serde_json::{Value, json};

use super::site::{Cluster, GATEWAY, installation, pod, tried};
use crate::lab::kubernetes::{User, Version};
use crate::lab::{Missing, or_skip};

const IN_FORCE: Duration = Duration::from_secs(30);

/// Nothing listens there.
fn unanswered() -> Installation {
    let mut installation = installation();
    installation.endpoint = Endpoint::Url("https://127.0.0.1:1".to_owned());
    installation.failure_policy = FailurePolicy::Fail;
    installation
}

/// A cluster in which no webhook answers and the strictest of them must.
fn stuck(of: Version) -> Result<Cluster, Missing> {
    let installation = unanswered();
    let cluster = Cluster::with_all(of, &installation)?;
    let kubectl = cluster.kubectl();
    for namespace in ["shop", "storage"] {
        kubectl.create_namespace(namespace);
    }
    cluster.apply(&webhook_configurations(&installation));
    let deadline = Instant::now() + IN_FORCE;
    let at_gateway = pod("shop", "p", &format!("{GATEWAY}/corp/x:1"));
    while cluster.tried(&at_gateway).ok() {
        assert!(Instant::now() < deadline, "the webhook is not in force");
    }
    Ok(cluster)
}

/// What an untouched cluster makes by itself.
fn vital(cluster: &Cluster) -> Vec<Value> {
    let deployment = ["deployment", "sekisho", "-n", "sekisho"];
    let deployment = cluster.kubectl().get(&deployment).unwrap();
    let mut own = pod("sekisho", "own", "-");
    own["spec"] = deployment["spec"]["template"]["spec"].clone();
    vec![
        own,
        pod("kube-system", "cni", "evil.example/cni"),
        pod("storage", "csi", "evil.example/csi"),
        json!({ "apiVersion": "v1", "kind": "Node", "metadata": { "name": "node2" } }),
        json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "new" } }),
        json!({
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": { "name": "node2", "namespace": "kube-system" },
        }),
    ]
}

#[test]
fn what_the_cluster_needs_to_come_back_is_made_while_no_webhook_answers() {
    for of in Version::ALL {
        let cluster = or_skip!(stuck(of));
        for object in vital(&cluster) {
            cluster.tried(&object).expect_ok();
        }
    }
}

#[test]
fn a_node_joins_and_shows_its_static_pods_while_no_webhook_answers() {
    let cluster = or_skip!(stuck(Version::V1_37));
    let node = cluster.control.kubectl_as(User::Node);
    tried(
        &node,
        &json!({ "apiVersion": "v1", "kind": "Node", "metadata": { "name": "node1" } }),
    )
    .expect_ok();
    let mut mirror = pod("shop", "static", "evil.example/z");
    mirror["metadata"]["annotations"] = json!({ "kubernetes.io/config.mirror": "x" });
    mirror["spec"]["nodeName"] = json!("node1");
    tried(&node, &mirror).expect_ok();
}

#[test]
fn other_pods_wait_where_validation_fails_closed_and_are_changed_but_for_images() {
    let cluster = or_skip!(stuck(Version::V1_37));
    let kubectl = cluster.kubectl();
    let told = cluster.tried(&pod("shop", "p", "nginx")).expect_failure();
    assert!(told.contains("pods.validate.sekisho.internal"), "{told}");
    kubectl
        .run(&[
            "delete",
            "validatingwebhookconfiguration",
            "zz-sekisho-prod",
        ])
        .expect_ok();
    let deadline = Instant::now() + IN_FORCE;
    while !cluster.tried(&pod("shop", "p", "nginx")).ok() {
        assert!(Instant::now() < deadline, "the webhook is still in force");
    }
    kubectl.applied(&pod("shop", "p", "nginx").to_string());
    cluster.apply(&webhook_configurations(&unanswered()));
    while cluster.tried(&pod("shop", "q", "nginx")).ok() {
        assert!(
            Instant::now() < deadline,
            "the webhook is not in force again"
        );
    }
    kubectl
        .run(&["label", "pod", "p", "-n", "shop", "a=b"])
        .expect_ok();
    let image = ["set", "image", "pod/p", "-n", "shop", "main=nginx:2"];
    kubectl.run(&image).expect_failure();
}
