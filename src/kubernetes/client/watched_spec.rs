//! What is kept of each watched kind.

use std::fmt::Debug;

use serde::de::DeserializeOwned;

use super::ExposureWatcher;
use super::watched_kind::WatchedKind;
use super::watched_object::{WatchChange, WatchedObject};
use crate::kubernetes::exposure::{
    GatewayRouteSpec, IngressSpec, Owner, Pod, PodSpec, Route, RouteName, RunningPod, Service,
    ServiceName, ServiceSpec,
};

/// The `spec` of a watched kind.
pub(super) trait WatchedSpec:
    Clone + Debug + Default + DeserializeOwned + Send + Sync + 'static
{
    type Kept: Send;

    /// What to keep of an object; None where it does not matter.
    fn read(object: WatchedObject<Self>) -> Option<Self::Kept>;

    fn apply(knowledge: &ExposureWatcher, kind: WatchedKind, change: WatchChange<Self::Kept>);
}

impl WatchedSpec for ServiceSpec {
    type Kept = Service;

    fn read(object: WatchedObject<Self>) -> Option<Service> {
        Service::read(object.spec)
    }

    fn apply(knowledge: &ExposureWatcher, _: WatchedKind, change: WatchChange<Service>) {
        let change = change.named(|(namespace, name)| ServiceName { namespace, name });
        knowledge.change_paths(|paths| match change {
            WatchChange::One(name, service) => paths.set_service(name, service),
            WatchChange::All(services) => paths.replace_services(services),
        });
    }
}

impl WatchedSpec for IngressSpec {
    type Kept = Route;

    fn read(object: WatchedObject<Self>) -> Option<Route> {
        let namespace = object.metadata.namespace.unwrap_or_default();
        Some(Route::of_ingress(&namespace, object.spec))
    }

    fn apply(knowledge: &ExposureWatcher, kind: WatchedKind, change: WatchChange<Route>) {
        apply_routes(knowledge, kind, change);
    }
}

impl WatchedSpec for GatewayRouteSpec {
    type Kept = Route;

    fn read(object: WatchedObject<Self>) -> Option<Route> {
        let namespace = object.metadata.namespace.unwrap_or_default();
        Some(Route::of_gateway(&namespace, object.spec))
    }

    fn apply(knowledge: &ExposureWatcher, kind: WatchedKind, change: WatchChange<Route>) {
        apply_routes(knowledge, kind, change);
    }
}

impl WatchedSpec for PodSpec {
    type Kept = RunningPod;

    fn read(object: WatchedObject<Self>) -> Option<RunningPod> {
        let owners = object.metadata.owner_references.into_iter().flatten();
        let mut controllers = owners.filter(|owner| owner.controller == Some(true));
        let owner = controllers.next().map(|owner| Owner {
            api_version: owner.api_version,
            kind: owner.kind,
            name: owner.name,
            uid: owner.uid,
        });
        Some(RunningPod {
            uid: object.metadata.uid.unwrap_or_default().into(),
            pod: Pod::new(object.metadata.labels.unwrap_or_default(), &object.spec),
            owner,
            images: object.spec.images(),
            image_ids: object.status.image_ids(),
        })
    }

    fn apply(knowledge: &ExposureWatcher, _: WatchedKind, change: WatchChange<RunningPod>) {
        knowledge.change_pods(|pods| match change {
            WatchChange::One((namespace, name), running) => pods.set(&namespace, &name, running),
            WatchChange::All(running) => pods.replace(running),
        });
    }
}

fn apply_routes(knowledge: &ExposureWatcher, kind: WatchedKind, change: WatchChange<Route>) {
    let WatchedKind::Routes(kind) = kind else {
        return;
    };
    let change = change.named(|(namespace, name)| RouteName {
        kind,
        namespace,
        name,
    });
    knowledge.change_paths(|paths| match change {
        WatchChange::One(name, route) => paths.set_route(name, route),
        WatchChange::All(routes) => paths.replace_routes(kind, routes),
    });
}
