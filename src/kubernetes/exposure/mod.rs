//! Which Pods requests from outside of their cluster can reach, and by which path.
//!
//! Pure. Services, Ingresses and routes go in as Kubernetes writes them, in the few
//! fields that matter here; a Pod is asked about and the way to it comes out. What
//! is not known opens no way: this knowledge makes exposure stricter, never laxer.
//!
//! Two things are taken more strictly than a packet would see them. A Service
//! reaches every Pod that it selects, whatever its ports, since a port is one edit
//! away. A route counts before its Gateway or controller has taken it up, and before
//! a ReferenceGrant lets it name a Service of another namespace.
//! Endpoints written by hand, and Services of type ExternalName that name another
//! Service, are not followed.

mod labels;
mod owner;
mod path;
mod paths;
mod pod;
mod pods;
mod route;
mod service;
#[cfg(test)]
mod tests;

pub use labels::Labels;
pub use owner::Owner;
pub use path::{ExposurePath, ServiceExposure};
pub use paths::ExposurePaths;
pub use pod::{Pod, PodSpec};
pub use pods::{NewlyExposedPod, PodName, RunningPod, RunningPods};
pub use route::{GatewayRouteSpec, IngressSpec, Route, RouteKind, RouteName, ServiceName};
pub use service::{Service, ServiceSpec};
