//! The kinds that are watched.

use kube::core::{ApiResource, GroupVersionKind};

use crate::kubernetes::exposure::RouteKind;

/// A kind of objects, as the API server lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum WatchedKind {
    Services,
    Pods,
    Routes(RouteKind),
}

impl WatchedKind {
    pub const ALL: [Self; 5] = [
        Self::Services,
        Self::Pods,
        Self::Routes(RouteKind::Ingress),
        Self::Routes(RouteKind::Http),
        Self::Routes(RouteKind::Grpc),
    ];

    /// Its name in the API, for addresses, logs and people.
    pub fn plural(self) -> &'static str {
        match self {
            Self::Services => "services",
            Self::Pods => "pods",
            Self::Routes(RouteKind::Ingress) => "ingresses",
            Self::Routes(RouteKind::Http) => "httproutes",
            Self::Routes(RouteKind::Grpc) => "grpcroutes",
        }
    }

    pub fn resource(self) -> ApiResource {
        let (group, kind) = match self {
            Self::Services => ("", "Service"),
            Self::Pods => ("", "Pod"),
            Self::Routes(RouteKind::Ingress) => ("networking.k8s.io", "Ingress"),
            Self::Routes(RouteKind::Http) => ("gateway.networking.k8s.io", "HTTPRoute"),
            Self::Routes(RouteKind::Grpc) => ("gateway.networking.k8s.io", "GRPCRoute"),
        };
        let kind = GroupVersionKind::gvk(group, "v1", kind);
        ApiResource::from_gvk_with_plural(&kind, self.plural())
    }

    /// Pods that have ended run no image and are left out.
    pub fn fields(self) -> Option<&'static str> {
        let running = "status.phase!=Succeeded,status.phase!=Failed";
        (self == Self::Pods).then_some(running)
    }
}
