//! Where images stand in objects, and which requests are beyond question.

use serde_json::{Value, json};

use crate::admission::pod::ReviewedKind;
use crate::admission::review::{AdmissionRequest, AdmissionReview};

fn request(fields: Value) -> AdmissionRequest {
    let mut request = json!({
        "uid": "u",
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "namespace": "shop",
        "operation": "CREATE",
        "userInfo": {"username": "dev"},
    });
    for (key, value) in fields.as_object().unwrap() {
        request[key] = value.clone();
    }
    let review =
        json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request});
    let review: AdmissionReview = serde_json::from_value(review).unwrap();
    review.request
}

fn pod(spec: Value) -> Value {
    json!({"metadata": {"generateName": "web-"}, "spec": spec})
}

fn places(request: &AdmissionRequest) -> Vec<(String, Option<&str>)> {
    let slots = request.image_fields().into_iter();
    slots.map(|slot| (slot.pointer, slot.image)).collect()
}

fn full_spec() -> Value {
    json!({
        "initContainers": [{"name": "i", "image": "init:1"}],
        "containers": [{"name": "a", "image": "app:1"}, {"name": "b"}],
        "ephemeralContainers": [{"name": "e", "image": "debug:1"}],
        "volumes": [
            {"name": "v", "emptyDir": {}},
            {"name": "m", "image": {"reference": "model:1"}},
        ],
    })
}

#[test]
fn finds_every_place_of_a_pod() {
    let request = request(json!({"object": pod(full_spec())}));
    let found = [
        ("/spec/initContainers/0/image", Some("init:1")),
        ("/spec/containers/0/image", Some("app:1")),
        ("/spec/containers/1/image", None),
        ("/spec/ephemeralContainers/0/image", Some("debug:1")),
        ("/spec/volumes/1/image/reference", Some("model:1")),
    ];
    let found = found.map(|(pointer, image)| (pointer.to_owned(), image));
    assert_eq!(places(&request), found);
}

#[test]
fn finds_the_template_of_what_makes_pods() {
    let template = json!({"spec": full_spec()});
    for (group, kind, object, first) in [
        (
            "apps",
            "Deployment",
            json!({"spec": {"template": template}}),
            "/spec/template/spec",
        ),
        (
            "apps",
            "ReplicaSet",
            json!({"spec": {"template": template}}),
            "/spec/template/spec",
        ),
        (
            "apps",
            "StatefulSet",
            json!({"spec": {"template": template}}),
            "/spec/template/spec",
        ),
        (
            "apps",
            "DaemonSet",
            json!({"spec": {"template": template}}),
            "/spec/template/spec",
        ),
        (
            "batch",
            "Job",
            json!({"spec": {"template": template}}),
            "/spec/template/spec",
        ),
        (
            "",
            "ReplicationController",
            json!({"spec": {"template": template}}),
            "/spec/template/spec",
        ),
        (
            "",
            "PodTemplate",
            json!({"template": template}),
            "/template/spec",
        ),
        (
            "batch",
            "CronJob",
            json!({"spec": {"jobTemplate": {"spec": {"template": template}}}}),
            "/spec/jobTemplate/spec/template/spec",
        ),
    ] {
        let request = request(
            json!({"kind": {"group": group, "version": "v1", "kind": kind}, "object": object}),
        );
        assert_eq!(request.subject(), Some(ReviewedKind::Template), "{kind}");
        assert_eq!(places(&request).len(), 5, "{kind}");
        assert!(places(&request)[0].0.starts_with(first), "{kind}");
    }
    let empty = request(json!({
        "kind": {"group": "", "version": "v1", "kind": "ReplicationController"},
        "object": {"spec": {"template": null}},
    }));
    assert!(places(&empty).is_empty());
}

#[test]
fn survives_objects_of_any_shape() {
    for object in [
        json!(null),
        json!([]),
        json!({"spec": 1}),
        json!({"spec": {"containers": "x", "volumes": {"image": 1}}}),
        json!({"spec": {"containers": [1, null, {"image": 7, "name": []}], "volumes": [{"image": []}]}}),
    ] {
        let request = request(json!({"object": object}));
        for (_, image) in places(&request) {
            assert_eq!(image, None);
        }
    }
}

#[test]
fn an_update_asks_only_about_what_it_changes() {
    let mut changed = full_spec();
    changed["containers"][0]["image"] = json!("app:2");
    changed["ephemeralContainers"]
        .as_array_mut()
        .unwrap()
        .insert(0, json!({"name": "new", "image": "debug:1"}));
    let request = request(json!({
        "operation": "UPDATE",
        "subResource": "ephemeralcontainers",
        "object": pod(changed),
        "oldObject": pod(full_spec()),
    }));
    let found = [
        ("/spec/containers/0/image", Some("app:2")),
        ("/spec/ephemeralContainers/0/image", Some("debug:1")),
    ];
    let found = found.map(|(pointer, image)| (pointer.to_owned(), image));
    assert_eq!(places(&request), found);
}

#[test]
fn swapping_two_images_changes_both() {
    let spec = |a: &str, b: &str| {
        pod(json!({"containers": [{"name": "a", "image": a}, {"name": "b", "image": b}]}))
    };
    let request = request(json!({
        "operation": "UPDATE", "object": spec("y", "x"), "oldObject": spec("x", "y"),
    }));
    assert_eq!(places(&request).len(), 2);
}

#[test]
fn only_a_node_may_show_a_mirror_pod() {
    let mirror =
        json!({"metadata": {"annotations": {"kubernetes.io/config.mirror": "x"}}, "spec": {}});
    for (username, beyond) in [
        ("system:node:node1", true),
        ("system:nodes", false),
        ("system:serviceaccount:shop:system:node:x", false),
        ("dev", false),
    ] {
        let request = request(json!({"object": mirror, "userInfo": {"username": username}}));
        assert_eq!(request.is_exempt(), beyond, "{username}");
    }
    let plain =
        request(json!({"object": pod(full_spec()), "userInfo": {"username": "system:node:node1"}}));
    assert!(!plain.is_exempt());
}

#[test]
fn what_goes_away_is_beyond_question() {
    let going =
        json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}, "spec": full_spec()});
    let update = request(json!({"operation": "UPDATE", "object": going, "oldObject": going}));
    assert!(update.is_exempt());
    let created = request(json!({"operation": "CREATE", "object": going}));
    assert!(!created.is_exempt());
    for operation in ["DELETE", "CONNECT"] {
        assert!(request(json!({"operation": operation})).is_exempt());
    }
}

#[test]
fn a_workload_is_the_controller_else_the_pod() {
    let owner = |controller: bool| {
        json!({"metadata": {"name": "web-1", "ownerReferences": [{
            "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "1",
            "controller": controller,
        }]}})
    };
    for (object, workload) in [
        (owner(true), "ReplicaSet/web"),
        (owner(false), "Pod/web-1"),
        (pod(json!({})), "Pod/web-"),
        (json!({}), "Pod/"),
    ] {
        assert_eq!(request(json!({"object": object})).workload(), workload);
    }
}
