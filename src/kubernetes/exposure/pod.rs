//! A Pod: its labels, and what opens it without any Service.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::Deserialize;
use serde_json::Value;

use super::{ExposurePath, Labels};

/// What decides who reaches a Pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pod {
    pub(super) labels: Labels,
    host_network: bool,
    host_port: Option<u32>,
}

/// What matters of a Pod's `spec`, as Kubernetes writes it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodSpec {
    host_network: Option<bool>,
    containers: Option<Vec<Container>>,
    init_containers: Option<Vec<Container>>,
    ephemeral_containers: Option<Vec<Container>>,
    volumes: Option<Vec<Volume>>,
}

#[derive(Clone, Debug, Deserialize)]
struct Container {
    image: Option<String>,
    ports: Option<Vec<Port>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Port {
    host_port: Option<u32>,
    #[serde(rename = "hostIP")]
    host_ip: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
struct Volume {
    image: Option<ImageVolume>,
}

#[derive(Clone, Debug, Deserialize)]
struct ImageVolume {
    reference: Option<String>,
}

impl Pod {
    pub fn new(labels: BTreeMap<String, String>, spec: &PodSpec) -> Self {
        Self {
            labels: labels.into(),
            host_network: spec.host_network == Some(true),
            host_port: spec.host_port(),
        }
    }

    /// Reads a raw Pod, or a Pod template, which has the same two parts.
    /// Unknown fields are passed over; a part that is ill-formed counts as
    /// absent, as it opens no way.
    pub fn read(object: &Value) -> Self {
        let labels = object.pointer("/metadata/labels");
        let labels = labels.and_then(|it| BTreeMap::deserialize(it).ok());
        let spec = object.get("spec");
        let spec = spec.and_then(|it| PodSpec::deserialize(it).ok());
        Self::new(labels.unwrap_or_default(), &spec.unwrap_or_default())
    }

    /// The exposure path through the Pod's node: host network or a host port.
    pub fn path_by_node(&self) -> Option<ExposurePath> {
        if self.host_network {
            return Some(ExposurePath::HostNetwork);
        }
        self.host_port.map(ExposurePath::HostPort)
    }
}

impl PodSpec {
    /// Every image that the Pod names, as it names it, once each and in order.
    pub fn images(&self) -> Vec<String> {
        let volumes = self.volumes.iter().flatten();
        let mounted = volumes.filter_map(|volume| volume.image.as_ref()?.reference.as_ref());
        let run = self.all_containers().filter_map(|it| it.image.as_ref());
        let named = run.chain(mounted).filter(|image| !image.is_empty());
        let mut images: Vec<String> = Vec::new();
        for image in named {
            if !images.contains(image) {
                images.push(image.clone());
            }
        }
        images
    }

    /// The first port of the node that leads in; not one bound to loopback.
    fn host_port(&self) -> Option<u32> {
        let ports = self.all_containers().filter_map(|it| it.ports.as_ref());
        let mut open = ports.flatten().filter(|port| !port.is_on_loopback());
        open.find_map(|port| port.host_port.filter(|port| *port != 0))
    }

    fn all_containers(&self) -> impl Iterator<Item = &Container> {
        let kinds = [
            &self.containers,
            &self.init_containers,
            &self.ephemeral_containers,
        ];
        kinds.into_iter().flatten().flatten()
    }
}

impl Port {
    fn is_on_loopback(&self) -> bool {
        let ip = self.host_ip.as_deref().and_then(|ip| ip.parse().ok());
        ip.is_some_and(|ip: IpAddr| ip.is_loopback())
    }
}
