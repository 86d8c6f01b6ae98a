//! The path of a request from outside to a Pod; displayed in records and messages.

use std::fmt;

use super::{RouteName, ServiceName};

/// A path from outside to one Pod. Ordered: of several, the first is reported.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ExposurePath {
    /// Through an Ingress or a route of a Gateway to a Service.
    Routed {
        route: RouteName,
        service: ServiceName,
    },
    /// Through a Service that itself stands open.
    Open {
        exposed_by: ServiceExposure,
        service: ServiceName,
    },
    /// The Pod shares its node's network.
    HostNetwork,
    /// A port of the node leads to the Pod.
    HostPort(u32),
}

/// What opens a Service to the outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ServiceExposure {
    LoadBalancer,
    ExternalIps,
    NodePort,
}

impl fmt::Display for ExposurePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Routed { route, service } => {
                write!(f, "{route} -> Service {service} -> Pod")
            }
            Self::Open {
                service,
                exposed_by: opening,
            } => {
                write!(f, "Service {service} ({opening}) -> Pod")
            }
            Self::HostNetwork => f.write_str("hostNetwork"),
            Self::HostPort(port) => write!(f, "hostPort {port}"),
        }
    }
}

impl fmt::Display for ServiceExposure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LoadBalancer => "LoadBalancer",
            Self::ExternalIps => "externalIPs",
            Self::NodePort => "NodePort",
        })
    }
}
