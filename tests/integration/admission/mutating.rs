//! `mutate`: every image through the gateway, and nothing else touched.

use proptest::prelude::*;
use sekisho::admission::NamespacePolicy;
use sekisho::trust::Exposure;
use serde_json::{Value, json};

use super::door::{GATEWAY, cluster};
use super::{Door, pod, review};
use crate::kit::{World, image};

fn at_gateway(name: &str) -> String {
    format!("{GATEWAY}/{name}")
}

/// A Pod with every place for an image, and fields that no type knows.
fn odd_pod() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod", "futureField": {"image": "nginx", "n": 1.50},
        "metadata": {"name": "odd", "annotations": {"image": "nginx"}},
        "spec": {
            "initContainers": [{"name": "i", "image": "init:1", "restartPolicy": "Always", "xNew": [null]}],
            "containers": [
                {"name": "a", "image": "registry.corp:5000/team/app:1", "env": [{"name": "image", "value": "nginx"}]},
                {"name": "b", "image": "quay.io/not/ours:1"},
                {"name": "c", "image": "https://bad"},
                {"name": "d"}
            ],
            "ephemeralContainers": [{"name": "e", "image": "busybox", "targetContainerName": "a"}],
            "volumes": [
                {"name": "m", "image": {"reference": "models/big:2", "pullPolicy": "Always", "other": 9007199254740993u64}},
                {"name": "v", "emptyDir": {}}
            ],
            "unknownList": [{"image": "nginx"}]
        }
    })
}

#[tokio::test]
async fn sends_every_place_of_a_pod_through_the_gateway() {
    let world = World::start().await;
    let original = odd_pod();
    let mut expected = original.clone();
    for (pointer, name) in [
        ("/spec/initContainers/0/image", "docker.io/library/init:1"),
        ("/spec/containers/0/image", "corp/team/app:1"),
        (
            "/spec/ephemeralContainers/0/image",
            "docker.io/library/busybox:latest",
        ),
        ("/spec/volumes/0/image/reference", "docker.io/models/big:2"),
    ] {
        *expected.pointer_mut(pointer).unwrap() = json!(at_gateway(name));
    }
    assert_eq!(Door::open(&world).mutated(&original).await, expected);
    assert_eq!(world.asked(), 0, "a name needs no upstream");
}

#[tokio::test]
async fn replaces_and_does_nothing_else() {
    let world = World::start().await;
    let tried = Door::open(&world)
        .mutate(&review(json!({"object": odd_pod()})))
        .await;
    let patch = tried.patch();
    assert_eq!(patch.len(), 4);
    assert!(
        patch.iter().all(|operation| operation["op"] == "replace"),
        "{patch:?}"
    );
}

#[tokio::test]
async fn rewriting_is_not_withheld_from_what_will_be_denied() {
    let world = World::start().await;
    let digest = image("revoked").manifest.digest;
    world.revoke(&digest).await;
    let name = format!("user/app@{digest}");
    let mutated = Door::open(&world).mutated(&pod(&[&name])).await;
    let expected = at_gateway(&format!("docker.io/user/app@{digest}"));
    assert_eq!(mutated["spec"]["containers"][0]["image"], json!(expected));
}

#[tokio::test]
async fn writes_the_digest_down_that_the_tag_means() {
    let world = World::start().await;
    let app = image("app");
    world.corp.put_image("team/app", &app);
    world.corp.tag("team/app", "1", &app.manifest.digest);
    let mut cluster = cluster(Exposure::External);
    cluster.pin_digests = true;
    let door = Door::of(&world, cluster);
    let digest = &app.manifest.digest;
    let mutated = door
        .mutated(&pod(&["registry.corp:5000/team/app:1", "absent:1"]))
        .await;
    let images: Vec<&Value> = mutated["spec"]["containers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["image"])
        .collect();
    assert_eq!(
        images[0],
        &json!(at_gateway(&format!("corp/team/app:1@{digest}")))
    );
    assert_eq!(
        images[1],
        &json!(at_gateway("docker.io/library/absent:1")),
        "and without one where nobody knows it"
    );
    assert_eq!(
        door.mutated(&mutated).await,
        mutated,
        "what is written down stays"
    );
    let asked = world.corp.total();
    assert_eq!(
        door.mutated(&pod(&["registry.corp:5000/team/app:1"])).await["spec"]["containers"][0]["image"],
        *images[0]
    );
    assert_eq!(
        world.corp.total(),
        asked,
        "a known tag is not asked for again"
    );
}

#[tokio::test]
async fn does_not_wait_for_a_digest_past_half_of_the_time() {
    let world = World::start().await;
    let _held = world.hub.hold("nginx");
    let mut cluster = cluster(Exposure::External);
    cluster.pin_digests = true;
    let door = Door::of(&world, cluster);
    let review = review(json!({"object": pod(&["nginx:1"])}));
    let (status, body) = door
        .send("/clusters/prod/mutate?timeout=400ms", review.to_string())
        .await;
    let answer: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(
        (status, &answer["response"]["allowed"]),
        (200, &json!(true))
    );
    assert!(answer["response"]["patch"].is_string());
}

#[tokio::test]
async fn an_update_touches_only_what_changed() {
    let world = World::start().await;
    let door = Door::open(&world);
    let mut changed = odd_pod();
    changed["spec"]["ephemeralContainers"]
        .as_array_mut()
        .unwrap()
        .push(json!({"name": "new", "image": "debug:1"}));
    let update = review(json!({
        "operation": "UPDATE", "subResource": "ephemeralcontainers",
        "object": changed, "oldObject": odd_pod(),
    }));
    let patch = door.mutate(&update).await.patch();
    let expected = json!([{
        "op": "replace", "path": "/spec/ephemeralContainers/1/image",
        "value": at_gateway("docker.io/library/debug:1"),
    }]);
    assert_eq!(Value::Array(patch), expected);
}

#[tokio::test]
async fn templates_and_exempt_namespaces_are_left_alone() {
    let world = World::start().await;
    let mut cluster = cluster(Exposure::External);
    cluster.namespaces = vec![NamespacePolicy {
        namespaces: globset::GlobSet::new([globset::Glob::new("operators-*").unwrap()]).unwrap(),
        mode: None,
        rewrite: false,
    }];
    let door = Door::of(&world, cluster);
    let deployment = json!({"spec": {"template": {"spec": pod(&["nginx"])["spec"]}}});
    for fields in [
        json!({"object": deployment, "kind": {"group": "apps", "version": "v1", "kind": "Deployment"}}),
        json!({"object": pod(&["nginx"]), "namespace": "kube-system"}),
        json!({"object": pod(&["nginx"]), "namespace": "sekisho"}),
        json!({"object": pod(&["nginx"]), "namespace": "operators-db"}),
    ] {
        let tried = door.mutate(&review(fields)).await;
        tried.assert_allowed();
        assert!(tried.patch().is_empty());
    }
}

#[tokio::test]
async fn adds_the_one_configured_secret_on_creation_alone() {
    let world = World::start().await;
    let mut cluster = cluster(Exposure::External);
    cluster.pull_secret = Some("gateway".to_owned());
    let door = Door::of(&world, cluster);
    let with = |secrets: Value| {
        let mut pod = pod(&["nginx"]);
        pod["spec"]["imagePullSecrets"] = secrets;
        pod
    };
    for (object, expected) in [
        (pod(&["nginx"]), json!([{"name": "gateway"}])),
        (
            with(json!([{"name": "own"}])),
            json!([{"name": "own"}, {"name": "gateway"}]),
        ),
        (
            with(json!([{"name": "gateway"}])),
            json!([{"name": "gateway"}]),
        ),
        (with(json!([])), json!([{"name": "gateway"}])),
    ] {
        assert_eq!(
            door.mutated(&object).await["spec"]["imagePullSecrets"],
            expected
        );
    }
    let update = review(
        json!({"operation": "UPDATE", "object": pod(&["nginx"]), "oldObject": pod(&["httpd"])}),
    );
    let patch = door.mutate(&update).await.patch();
    assert_eq!(patch.len(), 1, "{patch:?}");
}

/// Objects with images and strange fields in strange places.
fn any_pod() -> impl Strategy<Value = Value> {
    let image = prop_oneof![
        "[a-z0-9]{1,8}(/[a-z0-9]{1,8}){0,2}(:[a-z0-9]{1,5})?".prop_map(Value::from),
        "(docker.io|registry.corp:5000|quay.io|gateway.corp:5080/corp)/[a-z]{1,8}(:[0-9])?"
            .prop_map(Value::from),
        "\\PC{0,20}".prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        Just(Value::Null),
    ];
    let extra = prop_oneof![
        Just(json!({"deep": [1, {"image": "x"}]})),
        Just(json!("nginx")),
        any::<u64>().prop_map(Value::from)
    ];
    let container = (image, extra.clone())
        .prop_map(|(image, extra)| json!({"name": "c", "image": image, "zzUnknown": extra}));
    let list = proptest::collection::vec(container, 0..4);
    (list.clone(), list, extra, any::<bool>()).prop_map(|(first, second, extra, volume)| {
        let mut pod = json!({"metadata": {}, "spec": {"containers": first, "initContainers": second, "more": extra}});
        if volume {
            pod["spec"]["volumes"] = json!([{"name": "m", "image": {"reference": "models/x", "q": extra}}]);
        }
        pod
    })
}

/// Where two values differ.
fn differences(before: &Value, after: &Value, path: &str, found: &mut Vec<String>) {
    match (before, after) {
        (Value::Object(a), Value::Object(b)) => {
            assert_eq!(
                a.keys().collect::<Vec<_>>(),
                b.keys().collect::<Vec<_>>(),
                "{path}"
            );
            for (key, value) in a {
                differences(value, &b[key], &format!("{path}/{key}"), found);
            }
        }
        (Value::Array(a), Value::Array(b)) => {
            assert_eq!(a.len(), b.len(), "{path}");
            for (at, (a, b)) in a.iter().zip(b).enumerate() {
                differences(a, b, &format!("{path}/{at}"), found);
            }
        }
        (a, b) if a != b => found.push(path.to_owned()),
        _ => {}
    }
}

#[test]
fn a_patched_pod_differs_only_at_images_and_once_is_enough() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let world = runtime.block_on(World::start());
    let door = Door::open(&world);
    proptest!(ProptestConfig::with_cases(3000), |(original in any_pod())| {
        let (once, twice) = runtime.block_on(async {
            let once = door.mutated(&original).await;
            let twice = door.mutated(&once).await;
            (once, twice)
        });
        prop_assert_eq!(&once, &twice);
        let mut found = Vec::new();
        differences(&original, &once, "", &mut found);
        for path in found {
            let known = path.ends_with("/image") || path.ends_with("/image/reference");
            prop_assert!(known && path.starts_with("/spec/") && !path.contains("zzUnknown"), "{}", path);
        }
    });
}
