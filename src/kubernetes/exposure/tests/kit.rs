//! A cluster in a few words.

use serde_json::{Value, json};

use crate::kubernetes::exposure::{
    ExposurePaths, GatewayRouteSpec, IngressSpec, Owner, Pod, PodSpec, Route, RouteKind, RouteName,
    RunningPod, Service, ServiceName, ServiceSpec,
};

impl ExposurePaths {
    pub fn service(&mut self, name: &str, spec: Value) {
        let spec: ServiceSpec = serde_json::from_value(spec).unwrap();
        self.set_service(service_name(name), Service::read(spec));
    }

    pub fn ingress(&mut self, name: &str, spec: Value) {
        let spec: IngressSpec = serde_json::from_value(spec).unwrap();
        let name = route_name(RouteKind::Ingress, name);
        let route = Route::of_ingress(&name.namespace, spec);
        self.set_route(name, Some(route));
    }

    pub fn http_route(&mut self, name: &str, spec: Value) {
        let spec: GatewayRouteSpec = serde_json::from_value(spec).unwrap();
        let name = route_name(RouteKind::Http, name);
        let route = Route::of_gateway(&name.namespace, spec);
        self.set_route(name, Some(route));
    }

    /// The way to a Pod with the label `app` in the namespace `shop`, in words.
    pub fn to(&self, app: &str) -> Option<String> {
        self.to_pod("shop", &pod(app))
    }

    pub fn to_pod(&self, namespace: &str, pod: &Value) -> Option<String> {
        let path = self.path_to(namespace, &Pod::read(pod));
        path.map(|path| path.to_string())
    }
}

/// `namespace/name`
pub fn service_name(name: &str) -> ServiceName {
    let (namespace, name) = name.split_once('/').unwrap();
    ServiceName::new(namespace, name)
}

pub fn route_name(kind: RouteKind, name: &str) -> RouteName {
    let (namespace, name) = name.split_once('/').unwrap();
    RouteName::new(kind, namespace, name)
}

pub fn selecting(app: &str, kind: &str) -> Value {
    json!({"type": kind, "selector": {"app": app}, "ports": [{"port": 80}]})
}

pub fn backend(service: &str) -> Value {
    json!({"service": {"name": service, "port": {"number": 80}}})
}

pub fn pod(app: &str) -> Value {
    json!({
        "metadata": {"labels": {"app": app, "tier": "front"}},
        "spec": {"containers": [{"name": "main", "image": "team/web:1"}]},
    })
}

pub fn running(app: &str, uid: &str, image: &str) -> RunningPod {
    let spec = json!({"containers": [{"image": image}], "initContainers": null});
    let spec: PodSpec = serde_json::from_value(spec).unwrap();
    let labels = [("app".to_owned(), app.to_owned())].into();
    RunningPod {
        uid: uid.into(),
        pod: Pod::new(labels, &spec),
        owner: Some(Owner {
            api_version: "apps/v1".to_owned(),
            kind: "ReplicaSet".to_owned(),
            name: format!("{app}-7d9f"),
            uid: "rs".to_owned(),
        }),
        images: spec.images(),
        image_ids: Vec::new(),
    }
}
