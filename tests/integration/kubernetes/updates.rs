//! Pods that are there already: what an update brings is judged, the rest is not.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::guarded::{AUDITED, ENFORCED, Guarded, pod, read};
use crate::lab::kubernetes::{Kubectl, Version};
use crate::lab::{Outcome, or_skip};

/// What `kubectl debug` sends.
fn debug(kubectl: &Kubectl, namespace: &str, target: &str, name: &str, image: &str) -> Outcome {
    let added = json!([{ "name": name, "image": image }]);
    let spec = json!({ "spec": { "ephemeralContainers": added } }).to_string();
    let patch = ["patch", "pod", target, "-n", namespace, "-o", "json"];
    let how = ["--subresource=ephemeralcontainers", "-p", &spec];
    kubectl.run(&[&patch[..], &how].concat())
}

/// By name.
fn ephemeral(pod: &Value) -> BTreeMap<&str, &str> {
    let all = pod["spec"]["ephemeralContainers"].as_array().unwrap();
    all.iter()
        .filter_map(|one| Some((one["name"].as_str()?, one["image"].as_str()?)))
        .collect()
}

#[test]
fn a_container_added_for_debugging_is_rewritten_and_judged() {
    for version in Version::ALL {
        let cluster = or_skip!(Guarded::shared(version));
        let kubectl = cluster.kubectl();
        kubectl.applied(&pod(AUDITED, "debugged", "user/app:1"));
        let add = |name, image| debug(&kubectl, AUDITED, "debugged", name, image);
        let first = read(&add("first", "user/tool").expect_ok());
        let named = cluster.named("user/tool:latest");
        assert_eq!(ephemeral(&first), [("first", &*named)].into());
        let second = read(&add("second", "busybox:1").expect_ok());
        let other = cluster.named("library/busybox:1");
        let both = [("first", &*named), ("second", &*other)];
        assert_eq!(ephemeral(&second), both.into());
        let told = add("third", "quay.example/x").expect_failure();
        assert!(told.contains("ephemeral container \"third\""), "{told}");
        assert!(told.contains("unknown-upstream"), "{told}");
    }
}

#[test]
fn labels_change_after_an_image_was_revoked_and_new_pods_of_it_are_denied() {
    let cluster = or_skip!(Guarded::shared(Version::V1_37));
    let kubectl = cluster.kubectl();
    let image = cluster.site.image("team/spare");
    cluster.admit(&image);
    kubectl.applied(&pod(ENFORCED, "old", "team/spare:1"));
    let name = format!("docker.io/{}", image.by_digest());
    let revoke = ["revoke", &name, "--reason", "INC-3: a key in a layer"];
    cluster.site.gateway.command(&revoke).expect_ok();
    let label = ["label", "pod", "old", "-n", ENFORCED, "team=a"];
    kubectl.run(&label).expect_ok();
    let told = kubectl.apply(&pod(ENFORCED, "new", "team/spare:1"));
    let told = told.expect_failure();
    assert!(told.contains(": revoked: "), "{told}");
}
