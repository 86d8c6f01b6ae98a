//! How a request from outside gets to a Pod, in words for people.

use std::fmt;

use super::{RouteName, ServiceName};

/// A way from outside to one Pod. They are ordered: where there are several,
/// the first is told.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// Through an Ingress or a route of a Gateway to a Service.
    Routed {
        route: RouteName,
        service: ServiceName,
    },
    /// Through a Service that itself stands open.
    Open {
        opening: Opening,
        service: ServiceName,
    },
    /// The Pod shares its node's network.
    HostNetwork,
    /// A port of the node leads to the Pod.
    HostPort(u32),
}

/// What opens a Service to the outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Opening {
    LoadBalancer,
    ExternalIps,
    NodePort,
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Routed { route, service } => {
                write!(f, "{route} -> Service {service} -> Pod")
            }
            Self::Open { service, opening } => {
                write!(f, "Service {service} ({opening}) -> Pod")
            }
            Self::HostNetwork => f.write_str("hostNetwork"),
            Self::HostPort(port) => write!(f, "hostPort {port}"),
        }
    }
}

impl fmt::Display for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LoadBalancer => "LoadBalancer",
            Self::ExternalIps => "externalIPs",
            Self::NodePort => "NodePort",
        })
    }
}
