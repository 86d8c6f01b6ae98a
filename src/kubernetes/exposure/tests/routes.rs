use serde_json::{Value, json};

use super::kit::{backend, pod, route_name, selecting};
use crate::kubernetes::exposure::{ExposurePaths, Route, RouteKind};

/// A namespace with one inner Service, `web`.
fn shop() -> ExposurePaths {
    let mut paths = ExposurePaths::default();
    let mut spec = selecting("web", "ClusterIP");
    spec["clusterIP"] = json!("None");
    paths.service("shop/web", spec);
    paths
}

#[test]
fn an_ingress_leads_to_its_backends() {
    for spec in [
        json!({"rules": [
            {"host": "a.example"},
            {"http": {"paths": [{"backend": backend("other")}, {"backend": backend("web")}]}},
        ]}),
        json!({"defaultBackend": backend("web"), "rules": null}),
    ] {
        let mut paths = shop();
        paths.ingress("shop/front", spec);
        let expected = "Ingress shop/front -> Service shop/web -> Pod";
        assert_eq!(paths.to("web").as_deref(), Some(expected));
        assert_eq!(paths.to("other"), None);
    }
}

#[test]
fn an_ingress_that_names_another_service_leads_nowhere() {
    let bucket = json!({"resource": {"kind": "Bucket", "name": "web"}});
    for (name, spec) in [
        ("shop/front", json!({"defaultBackend": bucket})),
        ("shop/front", json!({"defaultBackend": backend("absent")})),
        ("other/front", json!({"defaultBackend": backend("web")})),
        ("shop/front", json!({})),
    ] {
        let mut paths = shop();
        paths.ingress(name, spec);
        assert_eq!(paths.to("web"), None);
    }
}

#[test]
fn a_route_of_a_gateway_leads_to_services_of_any_namespace() {
    for (name, reference) in [
        ("shop/r", json!({"name": "web"})),
        (
            "edge/r",
            json!({"name": "web", "namespace": "shop", "weight": 0}),
        ),
        (
            "edge/r",
            json!({"name": "web", "namespace": "shop", "kind": "Service", "group": ""}),
        ),
    ] {
        let mut paths = shop();
        paths.http_route(name, json!({"rules": [{"backendRefs": [reference]}]}));
        let expected = format!("HTTPRoute {name} -> Service shop/web -> Pod");
        assert_eq!(paths.to("web"), Some(expected));
    }
}

#[test]
fn mirrored_requests_come_from_outside_too() {
    let filters = json!([
        {"type": "URLRewrite"},
        {"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "web"}}},
    ]);
    for rule in [
        json!({"filters": filters}),
        json!({"backendRefs": [{"name": "other", "filters": filters}]}),
    ] {
        let mut paths = shop();
        paths.http_route("shop/r", json!({"rules": [rule]}));
        assert!(paths.to("web").is_some(), "{rule}");
    }
}

#[test]
fn what_a_route_names_besides_services_is_passed_over() {
    let reaches = |spec: Value| {
        let mut paths = shop();
        paths.http_route("shop/r", spec);
        paths.to("web").is_some()
    };
    let rules = |reference: Value| json!([{"backendRefs": [reference]}]);
    let bucket = json!({"name": "web", "kind": "Bucket"});
    let foreign = json!({"name": "web", "kind": "Service", "group": "net.example"});
    assert!(!reaches(json!({"rules": rules(bucket)})));
    assert!(!reaches(json!({"rules": rules(foreign)})));
    let mesh = json!({"kind": "Service", "name": "web"});
    let gateway = json!({"name": "public"});
    let web = rules(json!({"name": "web"}));
    assert!(!reaches(json!({"parentRefs": [mesh], "rules": web})));
    assert!(reaches(
        json!({"parentRefs": [mesh, gateway], "rules": web})
    ));
}

#[test]
fn follows_a_route_that_changes() {
    let mut paths = shop();
    paths.ingress("shop/front", json!({"defaultBackend": backend("web")}));
    paths.http_route(
        "shop/r",
        json!({"rules": [{"backendRefs": [{"name": "web"}]}]}),
    );
    assert!(paths.to("web").unwrap().starts_with("Ingress"));
    paths.ingress("shop/front", json!({"defaultBackend": backend("other")}));
    assert!(paths.to("web").unwrap().starts_with("HTTPRoute"));
    paths.replace_routes(RouteKind::Ingress, Vec::new());
    assert!(paths.to("web").is_some(), "the other kind stays");
    paths.set_route(route_name(RouteKind::Http, "shop/r"), None);
    assert_eq!(paths.to("web"), None);
}

#[test]
fn a_list_of_routes_replaces_the_last_one() {
    let mut paths = shop();
    let route = |service: &str| {
        let spec = serde_json::from_value(json!({"defaultBackend": backend(service)})).unwrap();
        Some(Route::of_ingress("shop", spec))
    };
    let name = |name: &str| route_name(RouteKind::Ingress, name);
    paths.replace_routes(RouteKind::Ingress, vec![(name("shop/a"), route("web"))]);
    assert!(paths.to("web").is_some());
    paths.replace_routes(RouteKind::Ingress, vec![(name("shop/b"), route("other"))]);
    assert_eq!(paths.to_pod("shop", &pod("web")), None);
}
