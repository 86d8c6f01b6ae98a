//! Names of images in Pods that kubectl creates, as the API server keeps them.

use serde_json::{Value, json};

use super::guarded::{AUDITED, ENFORCED, Guarded, pod, read};
use crate::lab::kubernetes::Version;
use crate::lab::or_skip;

/// Every place of an image, and the other fields that an API server of today knows;
/// `restartPolicyRules` is younger than the types that this program is built with.
fn everything(version: Version, namespace: &str) -> Value {
    let digest = format!("team/app@sha256:{}", "a".repeat(64));
    let mut pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "generateName": "everything-",
            "namespace": namespace,
            "labels": { "app": "everything" },
            "annotations": { "team.example/a_b": "1" },
        },
        "spec": {
            "containers": [
                { "name": "bare", "image": "nginx", "env": [{ "name": "A", "value": "nginx" }] },
                { "name": "user", "image": "user/app:1" },
                { "name": "host", "image": "docker.io/nginx:1" },
                { "name": "digest", "image": digest },
            ],
            "initContainers": [
                { "name": "first", "image": "first" },
                { "name": "beside", "image": "user/beside", "restartPolicy": "Always" },
            ],
            "volumes": [{ "name": "empty", "emptyDir": {} }],
        },
    });
    if version == Version::V1_37 {
        let data = json!({ "name": "data", "image": { "reference": "user/data:1" } });
        pod["spec"]["volumes"].as_array_mut().unwrap().push(data);
        let codes = json!({ "operator": "In", "values": [3] });
        pod["spec"]["containers"][0]["restartPolicy"] = json!("Never");
        pod["spec"]["containers"][0]["restartPolicyRules"] =
            json!([{ "action": "Restart", "exitCodes": codes }]);
    }
    pod
}

const PLACES: [(&str, &str); 7] = [
    ("/spec/containers/0/image", "library/nginx:latest"),
    ("/spec/containers/1/image", "user/app:1"),
    ("/spec/containers/2/image", "library/nginx:1"),
    ("/spec/containers/3/image", ""),
    ("/spec/initContainers/0/image", "library/first:latest"),
    ("/spec/initContainers/1/image", "user/beside:latest"),
    ("/spec/volumes/1/image/reference", "user/data:1"),
];

/// A Pod without what differs between any two.
fn plain(mut pod: Value) -> Value {
    let metadata = pod["metadata"].as_object_mut().unwrap();
    for key in [
        "name",
        "uid",
        "creationTimestamp",
        "namespace",
        "managedFields",
        "resourceVersion",
    ] {
        metadata.remove(key);
    }
    pod
}

#[test]
fn every_image_of_a_pod_is_named_at_the_gateway_and_nothing_else_changes() {
    for version in Version::ALL {
        let cluster = or_skip!(Guarded::shared(version));
        let kubectl = cluster.kubectl();
        let made = everything(version, AUDITED).to_string();
        let made = kubectl.on_file(&["create", "-o", "json"], &made);
        let stored = plain(read(&made.expect_ok()));
        let mut wanted = plain(cluster.tried(&everything(version, "kube-system").to_string()));
        for (place, name) in PLACES {
            let Some(image) = wanted.pointer_mut(place) else {
                continue;
            };
            let name = match name {
                "" => image.as_str().unwrap(),
                name => name,
            };
            *image = json!(cluster.named(name));
        }
        assert_eq!(stored, wanted, "{version:?}");
    }
}

#[test]
fn a_tag_is_kept_with_the_digest_that_it_means() {
    let cluster = or_skip!(Guarded::shared(Version::V1_37));
    let image = cluster.site.image("team/app");
    cluster.admit(&image);
    let made = cluster.tried(&pod(ENFORCED, "pinned", "team/app:1"));
    let wanted = format!("{}@{}", cluster.named("team/app:1"), image.digest);
    assert_eq!(made["spec"]["containers"][0]["image"], wanted);
}

#[test]
fn names_at_the_gateway_stay() {
    let cluster = or_skip!(Guarded::shared(Version::V1_37));
    let name = cluster.named("library/nginx:1");
    let made = cluster.tried(&pod(AUDITED, "kept", &name));
    assert_eq!(made["spec"]["containers"][0]["image"], name);
}
