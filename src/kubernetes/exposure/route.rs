//! Ingresses and routes of the Gateway API: which Services they lead to.

use std::collections::BTreeSet;
use std::fmt;

use serde::Deserialize;

/// A Service, by namespace and name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceName {
    pub namespace: Box<str>,
    pub name: Box<str>,
}

/// A route, by kind, namespace and name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RouteName {
    pub kind: RouteKind,
    pub namespace: Box<str>,
    pub name: Box<str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RouteKind {
    Ingress,
    Http,
    Grpc,
}

/// The Services that a route leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    pub services: BTreeSet<ServiceName>,
}

/// What matters of an Ingress's `spec`, as Kubernetes writes it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IngressSpec {
    default_backend: Option<IngressBackend>,
    rules: Option<Vec<IngressRule>>,
}

#[derive(Clone, Debug, Deserialize)]
struct IngressRule {
    http: Option<IngressPaths>,
}

#[derive(Clone, Debug, Deserialize)]
struct IngressPaths {
    paths: Option<Vec<IngressPath>>,
}

#[derive(Clone, Debug, Deserialize)]
struct IngressPath {
    backend: Option<IngressBackend>,
}

/// The other form of a backend, `resource`, leads to no Service.
#[derive(Clone, Debug, Deserialize)]
struct IngressBackend {
    service: Option<IngressService>,
}

#[derive(Clone, Debug, Deserialize)]
struct IngressService {
    name: String,
}

/// What matters of an HTTPRoute's or a GRPCRoute's `spec`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GatewayRouteSpec {
    parent_refs: Option<Vec<ObjectRef>>,
    rules: Option<Vec<GatewayRule>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct GatewayRule {
    backend_refs: Option<Vec<BackendRef>>,
    filters: Option<Vec<Filter>>,
}

#[derive(Clone, Debug, Deserialize)]
struct BackendRef {
    #[serde(flatten)]
    object: ObjectRef,
    filters: Option<Vec<Filter>>,
}

/// Mirrored requests come from outside as well.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Filter {
    request_mirror: Option<Mirror>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Mirror {
    backend_ref: ObjectRef,
}

#[derive(Clone, Debug, Deserialize)]
struct ObjectRef {
    group: Option<String>,
    kind: Option<String>,
    namespace: Option<String>,
    name: String,
}

impl Route {
    /// An Ingress leads to Services of its own namespace.
    pub fn of_ingress(namespace: &str, spec: IngressSpec) -> Self {
        let rules = spec.rules.into_iter().flatten();
        let paths = rules.filter_map(|rule| rule.http?.paths).flatten();
        let backends = paths.filter_map(|path| path.backend);
        let services = backends
            .chain(spec.default_backend)
            .filter_map(|backend| backend.service)
            .map(|service| ServiceName::new(namespace, &service.name))
            .collect();
        Self { services }
    }

    /// A route of a Gateway names Services of its own or of another namespace.
    /// One whose parents are all Services steers requests inside a mesh, and
    /// lets none in.
    pub fn of_gateway(namespace: &str, spec: GatewayRouteSpec) -> Self {
        let services = if spec.is_of_a_mesh() {
            BTreeSet::new()
        } else {
            let rules = spec.rules.iter().flatten();
            rules
                .flat_map(GatewayRule::objects)
                .filter_map(|object| object.service(namespace))
                .collect()
        };
        Self { services }
    }
}

impl GatewayRouteSpec {
    fn is_of_a_mesh(&self) -> bool {
        let mut parents = self.parent_refs.iter().flatten().peekable();
        parents.peek().is_some() && parents.all(|parent| parent.kind.as_deref() == Some("Service"))
    }
}

impl GatewayRule {
    fn objects(&self) -> impl Iterator<Item = &ObjectRef> {
        let backends = self.backend_refs.iter().flatten();
        let named = backends.clone().map(|backend| &backend.object);
        let filters = backends.filter_map(|backend| backend.filters.as_ref());
        let mirrors = filters
            .chain(&self.filters)
            .flatten()
            .filter_map(|filter| filter.request_mirror.as_ref())
            .map(|mirror| &mirror.backend_ref);
        named.chain(mirrors)
    }
}

impl ObjectRef {
    /// Absent, the kind is Service and the group that of the core.
    fn service(&self, namespace: &str) -> Option<ServiceName> {
        let is_core = self.group.as_deref().is_none_or(str::is_empty);
        let is_service = self.kind.as_deref().is_none_or(|kind| kind == "Service");
        let namespace = self.namespace.as_deref().unwrap_or(namespace);
        (is_core && is_service).then(|| ServiceName::new(namespace, &self.name))
    }
}

impl ServiceName {
    pub fn new(namespace: &str, name: &str) -> Self {
        Self {
            namespace: namespace.into(),
            name: name.into(),
        }
    }
}

impl RouteName {
    pub fn new(kind: RouteKind, namespace: &str, name: &str) -> Self {
        Self {
            kind,
            namespace: namespace.into(),
            name: name.into(),
        }
    }
}

impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

impl fmt::Display for RouteName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            RouteKind::Ingress => "Ingress",
            RouteKind::Http => "HTTPRoute",
            RouteKind::Grpc => "GRPCRoute",
        };
        write!(f, "{kind} {}/{}", self.namespace, self.name)
    }
}
