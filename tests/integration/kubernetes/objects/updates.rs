//! Running Pods, added containers, image volumes, and Pods that are nobody's to look
//! at.

use sekisho::kubernetes::objects::NamespaceRule;
use serde_json::{Value, json};

use super::site::{Cluster, GATEWAY, installation, pod, tried};
use crate::lab::kubernetes::{ControlPlane, Kubectl, User, Version};
use crate::lab::or_skip;

const DENIED: &str = "sekisho: registry-not-permitted: ";

fn patch(kubectl: &Kubectl, more: &[&str], patch: &Value) -> crate::lab::Outcome {
    let patch = patch.to_string();
    let arguments = [
        "patch", "pod", "old", "-n", "shop", "-o", "json", "-p", &patch,
    ];
    kubectl.run(&[&arguments[..], more].concat())
}

fn images(object: &Value, list: &str) -> Vec<String> {
    let items = object["spec"][list].as_array().unwrap();
    let image = |item: &Value| item["image"].as_str().unwrap().to_owned();
    items.iter().map(image).collect()
}

fn read(text: String) -> Value {
    serde_json::from_str(&text).unwrap()
}

/// A Pod from before there was any policy.
fn with_an_old_pod() -> Result<Cluster, crate::lab::Missing> {
    let cluster = Cluster {
        control: ControlPlane::start(Version::V1_37)?,
    };
    let kubectl = cluster.kubectl();
    kubectl.create_namespace("shop");
    let mut old = pod("shop", "old", "evil.example/old:1");
    old["metadata"]["finalizers"] = json!(["sekisho.example/held"]);
    let other = json!({ "name": "other", "image": "nginx:1" });
    old["spec"]["containers"]
        .as_array_mut()
        .unwrap()
        .push(other);
    kubectl.applied(&old.to_string());
    cluster.apply(&installation().policies("1.37".parse().unwrap()));
    cluster.until_in_force(Version::V1_37);
    Ok(cluster)
}

#[test]
fn a_running_pod_is_held_to_what_an_update_changes() {
    let cluster = or_skip!(with_an_old_pod());
    let kubectl = cluster.kubectl();
    let labelled = patch(
        &kubectl,
        &[],
        &json!({ "metadata": { "labels": { "a": "b" } } }),
    );
    let labelled = read(labelled.expect_ok());
    assert_eq!(
        images(&labelled, "containers"),
        ["evil.example/old:1", "nginx:1"]
    );

    let newer = json!({ "spec": { "containers": [{ "name": "other", "image": "nginx:2" }] } });
    let updated = read(patch(&kubectl, &[], &newer).expect_ok());
    let named = format!("{GATEWAY}/docker.io/library/nginx:2");
    assert_eq!(
        images(&updated, "containers"),
        ["evil.example/old:1", &named]
    );

    let evil =
        json!({ "spec": { "containers": [{ "name": "main", "image": "evil.example/new" }] } });
    let told = patch(&kubectl, &[], &evil).expect_failure();
    assert!(
        told.contains(&format!(
            "{DENIED}evil.example/new; use {GATEWAY}/UPSTREAM/NAME"
        )),
        "{told}"
    );

    kubectl
        .run(&[
            "delete",
            "pod",
            "old",
            "-n",
            "shop",
            "--wait=false",
            "--force",
        ])
        .expect_ok();
    patch(
        &kubectl,
        &[],
        &json!({ "metadata": { "finalizers": null } }),
    )
    .expect_ok();
    assert_eq!(kubectl.get(&["pod", "old", "-n", "shop"]), None);
}

#[test]
fn a_container_added_for_debugging_is_held_to_the_same() {
    let cluster = or_skip!(with_an_old_pod());
    let kubectl = cluster.kubectl();
    let debug = |image: &str| {
        let added = json!([{ "name": "debug", "image": image }]);
        let spec = json!({ "spec": { "ephemeralContainers": added } });
        patch(&kubectl, &["--subresource=ephemeralcontainers"], &spec)
    };
    let told = debug("evil.example/tool").expect_failure();
    assert!(
        told.contains(&format!("{DENIED}evil.example/tool")),
        "{told}"
    );
    let added = read(debug("user/tool").expect_ok());
    let named = format!("{GATEWAY}/docker.io/user/tool:latest");
    assert_eq!(images(&added, "ephemeralContainers"), [named]);
}

/// One of everything that holds an image.
fn full() -> Value {
    let mut full = pod("shop", "full", "nginx");
    full["spec"]["initContainers"] = json!([
        { "name": "first", "image": "quay.io/first" },
        { "name": "beside", "image": "user/beside", "restartPolicy": "Always" },
    ]);
    full["spec"]["volumes"] = json!([
        { "name": "empty", "emptyDir": {} },
        { "name": "data", "image": { "reference": "quay.io/data:1", "pullPolicy": "IfNotPresent" } },
    ]);
    full
}

#[test]
fn every_place_of_an_image_is_rewritten_and_refused() {
    let cluster = or_skip!(Cluster::shared());
    let made = read(cluster.tried(&full()).expect_ok());
    let at = |name: &str| format!("{GATEWAY}/{name}");
    assert_eq!(
        images(&made, "initContainers"),
        [
            at("quay.io/first:latest"),
            at("docker.io/user/beside:latest")
        ]
    );
    assert_eq!(
        made["spec"]["volumes"][1]["image"]["reference"],
        at("quay.io/data:1")
    );
    let places = [
        "/spec/containers/0/image",
        "/spec/initContainers/0/image",
        "/spec/initContainers/1/image",
        "/spec/volumes/1/image/reference",
    ];
    let mut all = full();
    for (at, place) in places.iter().enumerate() {
        let mut one = full();
        let evil = json!(format!("evil.example/z{at}"));
        *one.pointer_mut(place).unwrap() = evil.clone();
        *all.pointer_mut(place).unwrap() = evil;
        let told = cluster.tried(&one).expect_failure();
        assert!(
            told.contains(&format!("{DENIED}evil.example/z{at}; use")),
            "{told}"
        );
    }
    let told = cluster.tried(&all).expect_failure();
    let every = "evil.example/z0, evil.example/z1, evil.example/z2, evil.example/z3; use";
    assert!(told.contains(&format!("{DENIED}{every}")), "{told}");
}

#[test]
fn a_mirror_pod_is_believed_to_its_node_alone() {
    let cluster = or_skip!(Cluster::shared());
    let mut mirror = pod("shop", "static", "evil.example/z");
    mirror["metadata"]["annotations"] = json!({ "kubernetes.io/config.mirror": "x" });
    mirror["spec"]["nodeName"] = json!("node1");
    let node = cluster.control.kubectl_as(User::Node);
    let made = read(tried(&node, &mirror).expect_ok());
    assert_eq!(images(&made, "containers"), ["evil.example/z"]);
    let told = cluster.tried(&mirror).expect_failure();
    assert!(told.contains(DENIED), "{told}");
}

#[test]
fn exempt_and_unrewritten_namespaces_keep_their_names() {
    let mut installation = installation();
    let rule = |glob: &str, rewrite| NamespaceRule::new(&[glob.to_owned()], rewrite).unwrap();
    installation.namespaces = vec![rule("db-main", true), rule("db-*", false)];
    let cluster = or_skip!(Cluster::with_policies(Version::V1_37, &installation));
    let kubectl = cluster.kubectl();
    for (namespace, image, becomes) in [
        ("storage", "evil.example/z", "evil.example/z"),
        ("sekisho", "evil.example/z", "evil.example/z"),
        ("db-x", "user/x:1", "user/x:1"),
        (
            "db-main",
            "user/x:1",
            &format!("{GATEWAY}/docker.io/user/x:1"),
        ),
    ] {
        kubectl.create_namespace(namespace);
        let made = read(cluster.tried(&pod(namespace, "p", image)).expect_ok());
        assert_eq!(images(&made, "containers"), [becomes], "{namespace}");
    }
    let told = cluster
        .tried(&pod("db-x", "p", "evil.example/z"))
        .expect_failure();
    assert!(told.contains(DENIED), "{told}");
}

#[test]
fn what_a_node_is_never_to_pull_keeps_its_name_where_that_is_allowed() {
    let mut installation = installation();
    installation.allow_never = true;
    let cluster = or_skip!(Cluster::with_policies(Version::V1_37, &installation));
    let mut never = pod("shop", "p", "evil.example/z");
    never["spec"]["containers"][0]["imagePullPolicy"] = json!("Never");
    let made = read(cluster.tried(&never).expect_ok());
    assert_eq!(images(&made, "containers"), ["evil.example/z"]);
}

#[test]
fn a_pod_with_hundreds_of_containers_is_within_the_budget() {
    let cluster = or_skip!(Cluster::shared());
    let mut crowd = pod("shop", "crowd", "nginx");
    let one = |at: usize| json!({ "name": format!("c{at}"), "image": format!("quay.io/team/service-{at}:1.2.3") });
    crowd["spec"]["containers"] = (0..400).map(one).collect();
    cluster.kubectl().applied(&crowd.to_string());
    let label = ["label", "pod", "crowd", "-n", "shop", "a=b"];
    cluster.kubectl().run(&label).expect_ok();
}
