//! A Service: whom it selects, and whether it stands open by itself.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Labels, ServiceExposure};

/// What matters of a Service's `spec`, as Kubernetes writes it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceSpec {
    #[serde(rename = "type")]
    kind: Option<String>,
    selector: Option<BTreeMap<String, String>>,
    #[serde(rename = "externalIPs")]
    external_ips: Option<Vec<String>>,
}

/// A Service that selects Pods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Never empty.
    selector: Labels,
    exposed_by: Option<ServiceExposure>,
}

impl Service {
    /// None where the Service selects no Pod: it has no selector, or is an
    /// alias (`ExternalName`), whose selector Kubernetes ignores.
    pub fn read(spec: ServiceSpec) -> Option<Self> {
        let opening = opening(&spec);
        let selector = Labels::from(spec.selector.unwrap_or_default());
        let selects = !selector.is_empty() && spec.kind.as_deref() != Some("ExternalName");
        selects.then_some(Self {
            selector,
            exposed_by: opening,
        })
    }

    /// What opens it to the outside, without any route to it.
    pub fn exposed_by(&self) -> Option<ServiceExposure> {
        self.exposed_by
    }

    /// Whether a Pod with these labels is one of its endpoints.
    pub fn selects(&self, labels: &Labels) -> bool {
        self.selector.are_among(labels)
    }
}

fn opening(spec: &ServiceSpec) -> Option<ServiceExposure> {
    let has_external_ip = spec
        .external_ips
        .as_ref()
        .is_some_and(|ips| !ips.is_empty());
    match spec.kind.as_deref() {
        Some("LoadBalancer") => Some(ServiceExposure::LoadBalancer),
        _ if has_external_ip => Some(ServiceExposure::ExternalIps),
        Some("NodePort") => Some(ServiceExposure::NodePort),
        _ => None,
    }
}
