//! What is kept of each kind that is followed, and where it goes.

use std::fmt::Debug;

use serde::de::DeserializeOwned;

use super::Knowledge;
use super::seen::{Change, Seen};
use super::watched::Watched;
use crate::kubernetes::exposure::{
    GatewayRouteSpec, IngressSpec, Owner, Pod, PodSpec, Route, RouteName, Running, Service,
    ServiceName, ServiceSpec,
};

/// The `spec` of a kind that is followed.
pub(super) trait Followed:
    Clone + Debug + Default + DeserializeOwned + Send + Sync + 'static
{
    type Kept: Send;

    /// What to keep of an object; None where it does not matter.
    fn read(object: Seen<Self>) -> Option<Self::Kept>;

    fn apply(knowledge: &Knowledge, kind: Watched, change: Change<Self::Kept>);
}

impl Followed for ServiceSpec {
    type Kept = Service;

    fn read(object: Seen<Self>) -> Option<Service> {
        Service::read(object.spec)
    }

    fn apply(knowledge: &Knowledge, _: Watched, change: Change<Service>) {
        let change = change.named(|(namespace, name)| ServiceName { namespace, name });
        knowledge.change_ways(|ways| match change {
            Change::One(name, service) => ways.set_service(name, service),
            Change::All(services) => ways.replace_services(services),
        });
    }
}

impl Followed for IngressSpec {
    type Kept = Route;

    fn read(object: Seen<Self>) -> Option<Route> {
        let namespace = object.metadata.namespace.unwrap_or_default();
        Some(Route::of_ingress(&namespace, object.spec))
    }

    fn apply(knowledge: &Knowledge, kind: Watched, change: Change<Route>) {
        apply_routes(knowledge, kind, change);
    }
}

impl Followed for GatewayRouteSpec {
    type Kept = Route;

    fn read(object: Seen<Self>) -> Option<Route> {
        let namespace = object.metadata.namespace.unwrap_or_default();
        Some(Route::of_gateway(&namespace, object.spec))
    }

    fn apply(knowledge: &Knowledge, kind: Watched, change: Change<Route>) {
        apply_routes(knowledge, kind, change);
    }
}

impl Followed for PodSpec {
    type Kept = Running;

    fn read(object: Seen<Self>) -> Option<Running> {
        let owners = object.metadata.owner_references.into_iter().flatten();
        let mut controllers = owners.filter(|owner| owner.controller == Some(true));
        let owner = controllers.next().map(|owner| Owner {
            api_version: owner.api_version,
            kind: owner.kind,
            name: owner.name,
            uid: owner.uid,
        });
        Some(Running {
            uid: object.metadata.uid.unwrap_or_default().into(),
            pod: Pod::new(object.metadata.labels.unwrap_or_default(), &object.spec),
            owner,
            images: object.spec.images(),
        })
    }

    fn apply(knowledge: &Knowledge, _: Watched, change: Change<Running>) {
        knowledge.change_pods(|pods| match change {
            Change::One((namespace, name), running) => pods.set(&namespace, &name, running),
            Change::All(running) => pods.replace(running),
        });
    }
}

fn apply_routes(knowledge: &Knowledge, kind: Watched, change: Change<Route>) {
    let Watched::Routes(kind) = kind else { return };
    let change = change.named(|(namespace, name)| RouteName {
        kind,
        namespace,
        name,
    });
    knowledge.change_ways(|ways| match change {
        Change::One(name, route) => ways.set_route(name, route),
        Change::All(routes) => ways.replace_routes(kind, routes),
    });
}
