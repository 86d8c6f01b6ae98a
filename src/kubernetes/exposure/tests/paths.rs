use serde_json::{Value, json};

use super::kit::{pod, selecting, service_name};
use crate::kubernetes::exposure::{ExposurePaths, Owner, Pod, PodSpec};

#[test]
fn tells_which_service_stands_open() {
    for (kind, expected) in [
        (
            "LoadBalancer",
            Some("Service shop/web (LoadBalancer) -> Pod"),
        ),
        ("NodePort", Some("Service shop/web (NodePort) -> Pod")),
        ("ClusterIP", None),
        ("ExternalName", None),
    ] {
        let mut paths = ExposurePaths::default();
        paths.service("shop/web", selecting("web", kind));
        assert_eq!(paths.to("web").as_deref(), expected, "{kind}");
    }
}

#[test]
fn external_ips_open_an_inner_service() {
    let mut paths = ExposurePaths::default();
    let mut spec = selecting("web", "ClusterIP");
    spec["externalIPs"] = json!(["192.0.2.7"]);
    paths.service("shop/web", spec.clone());
    let expected = "Service shop/web (externalIPs) -> Pod";
    assert_eq!(paths.to("web").as_deref(), Some(expected));
    spec["externalIPs"] = json!([]);
    paths.service("shop/web", spec);
    assert_eq!(paths.to("web"), None);
}

#[test]
fn a_service_reaches_whom_it_selects_in_its_namespace() {
    let mut paths = ExposurePaths::default();
    let selector = json!({"app": "web", "tier": "front"});
    paths.service(
        "shop/web",
        json!({"type": "NodePort", "selector": selector}),
    );
    assert!(paths.to("web").is_some());
    assert_eq!(paths.to("batch"), None);
    assert_eq!(paths.to_pod("other", &pod("web")), None);
    let mut bare = pod("web");
    bare["metadata"]["labels"] = json!({"app": "web"});
    assert_eq!(paths.to_pod("shop", &bare), None, "half of the selector");
}

#[test]
fn a_service_without_a_selector_reaches_no_pod() {
    let mut paths = ExposurePaths::default();
    paths.service("shop/a", json!({"type": "LoadBalancer"}));
    paths.service("shop/b", json!({"type": "LoadBalancer", "selector": {}}));
    paths.service("shop/c", json!({"type": "LoadBalancer", "selector": null}));
    assert_eq!(paths.to("web"), None);
}

#[test]
fn a_node_opens_a_pod_by_itself() {
    let paths = ExposurePaths::default();
    for (spec, expected) in [
        (json!({"hostNetwork": true}), Some("hostNetwork")),
        (json!({"hostNetwork": false}), None),
        (ports(json!([{"hostPort": 8080}])), Some("hostPort 8080")),
        (ports(json!([{"containerPort": 80}, {"hostPort": 0}])), None),
        (
            ports(json!([{"hostPort": 53, "hostIP": "127.0.0.1"}])),
            None,
        ),
        (
            ports(json!([{"hostPort": 53, "hostIP": "0.0.0.0"}])),
            Some("hostPort 53"),
        ),
        (
            json!({"initContainers": [{"ports": [{"hostPort": 9}]}]}),
            Some("hostPort 9"),
        ),
        (json!({"containers": null}), None),
        (json!("nonsense"), None),
    ] {
        let found = paths.to_pod("shop", &json!({"spec": spec}));
        assert_eq!(found.as_deref(), expected, "{spec}");
    }
}

#[test]
fn forgets_what_is_gone() {
    let mut paths = ExposurePaths::default();
    paths.service("shop/a", selecting("web", "NodePort"));
    paths.service("shop/b", selecting("web", "LoadBalancer"));
    assert!(paths.to("web").unwrap().contains("shop/b"));
    paths.set_service(service_name("shop/b"), None);
    assert!(paths.to("web").unwrap().contains("shop/a"));
    paths.replace_services(Vec::new());
    assert_eq!(paths.to("web"), None);
}

#[test]
fn reads_a_raw_pod_without_stumbling() {
    for object in [json!(null), json!([]), json!({"metadata": {"labels": [1]}})] {
        assert_eq!(Pod::read(&object), Pod::default(), "{object}");
    }
}

#[test]
fn lists_every_image_once() {
    let spec = json!({
        "containers": [{"image": "a"}, {"image": "b", "unknown": 1}, {"image": ""}, {}],
        "initContainers": [{"image": "a"}],
        "ephemeralContainers": [{"image": "c"}],
        "volumes": [{"image": {"reference": "d"}}, {"emptyDir": {}}, {"image": {}}],
    });
    let spec: PodSpec = serde_json::from_value(spec).unwrap();
    assert_eq!(spec.images(), ["a", "b", "c", "d"]);
}

#[test]
fn the_owner_is_the_controller() {
    let reference = |kind: &str, controller: Value| json!({"apiVersion": "v1", "kind": kind, "name": "n", "uid": "u", "controller": controller});
    let pod = |references: Value| json!({"metadata": {"ownerReferences": references}});
    let several = pod(json!([
        reference("A", json!(null)),
        reference("B", json!(true))
    ]));
    assert_eq!(Owner::of(&several).unwrap().kind, "B");
    assert_eq!(Owner::of(&pod(json!([reference("A", json!(false))]))), None);
    assert_eq!(Owner::of(&pod(json!(null))), None);
}

fn ports(ports: Value) -> Value {
    json!({"containers": [{"ports": null}, {"ports": ports}]})
}
