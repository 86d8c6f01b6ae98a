//! All known exposure paths into one cluster, by the namespace of a Pod.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::mem;

use super::{ExposurePath, Pod, Route, RouteKind, RouteName, Service, ServiceName};

/// The Services and routes of a cluster.
///
/// A look-up walks the Services of one namespace, and nothing else.
#[derive(Debug, Default)]
pub struct ExposurePaths {
    services: HashMap<Box<str>, BTreeMap<Box<str>, Service>>,
    routes: BTreeMap<RouteName, Route>,
    /// The same routes, by where they lead.
    routed: HashMap<ServiceName, BTreeSet<RouteName>>,
    /// Namespaces in which something has changed since it was last asked.
    changed: BTreeSet<Box<str>>,
}

impl ExposurePaths {
    /// The first known path from outside to this Pod.
    pub fn path_to(&self, namespace: &str, pod: &Pod) -> Option<ExposurePath> {
        let services = self.services.get(namespace).into_iter().flatten();
        let selecting = services.filter(|(_, service)| service.selects(&pod.labels));
        let paths = selecting.filter_map(|(name, service)| self.through(namespace, name, service));
        paths.min().or_else(|| pod.path_by_node())
    }

    /// Takes in a Service that appeared or changed; None for one that selects
    /// no Pod, or is gone.
    pub fn set_service(&mut self, name: ServiceName, service: Option<Service>) {
        let known = self.services.get(&name.namespace);
        if known.and_then(|known| known.get(&name.name)) == service.as_ref() {
            return;
        }
        self.changed.insert(name.namespace.clone());
        match service {
            Some(service) => {
                let known = self.services.entry(name.namespace).or_default();
                known.insert(name.name, service);
            }
            None => self.forget_service(&name),
        }
    }

    /// Takes in the complete list of Services.
    pub fn replace_services(&mut self, services: Vec<(ServiceName, Option<Service>)>) {
        let listed: BTreeSet<ServiceName> = services.iter().map(|(name, _)| name.clone()).collect();
        let known = self.services.iter().flat_map(|(namespace, services)| {
            services
                .keys()
                .map(|name| ServiceName::new(namespace, name))
        });
        let gone: Vec<ServiceName> = known.filter(|name| !listed.contains(name)).collect();
        for name in gone {
            self.set_service(name, None);
        }
        for (name, service) in services {
            self.set_service(name, service);
        }
    }

    /// Takes in a route that appeared or changed; None for one that is gone.
    pub fn set_route(&mut self, name: RouteName, route: Option<Route>) {
        if self.routes.get(&name) == route.as_ref() {
            return;
        }
        self.forget_route(&name);
        let Some(route) = route else { return };
        for service in &route.services {
            self.changed.insert(service.namespace.clone());
            let routes = self.routed.entry(service.clone()).or_default();
            routes.insert(name.clone());
        }
        self.routes.insert(name, route);
    }

    /// Takes in the complete list of routes of one kind.
    pub fn replace_routes(&mut self, kind: RouteKind, routes: Vec<(RouteName, Option<Route>)>) {
        let listed: BTreeSet<RouteName> = routes.iter().map(|(name, _)| name.clone()).collect();
        let known = self.routes.keys().filter(|name| name.kind == kind);
        let gone: Vec<RouteName> = known
            .filter(|name| !listed.contains(*name))
            .cloned()
            .collect();
        for name in gone {
            self.set_route(name, None);
        }
        for (name, route) in routes {
            self.set_route(name, route);
        }
    }

    /// The namespaces whose Pods may be reached otherwise than when this was
    /// last called.
    pub fn take_changed(&mut self) -> BTreeSet<Box<str>> {
        mem::take(&mut self.changed)
    }

    fn through(&self, namespace: &str, name: &str, service: &Service) -> Option<ExposurePath> {
        let service_name = ServiceName::new(namespace, name);
        let routes = self.routed.get(&service_name);
        if let Some(route) = routes.and_then(BTreeSet::first) {
            return Some(ExposurePath::Routed {
                route: route.clone(),
                service: service_name,
            });
        }
        service.exposed_by().map(|opening| ExposurePath::Open {
            service: service_name,
            exposed_by: opening,
        })
    }

    fn forget_service(&mut self, name: &ServiceName) {
        if let Some(services) = self.services.get_mut(&name.namespace) {
            services.remove(&name.name);
            if services.is_empty() {
                self.services.remove(&name.namespace);
            }
        }
    }

    fn forget_route(&mut self, name: &RouteName) {
        let Some(route) = self.routes.remove(name) else {
            return;
        };
        for service in route.services {
            self.changed.insert(service.namespace.clone());
            if let Some(routes) = self.routed.get_mut(&service) {
                routes.remove(name);
                if routes.is_empty() {
                    self.routed.remove(&service);
                }
            }
        }
    }
}
