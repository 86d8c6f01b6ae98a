//! A container as the runtime tells of it, and what its image is.

use std::collections::HashMap;

use super::messages::{Container, ContainerState, Image, PodSandbox};
use crate::kubernetes::names::NODE_CANARY;
use crate::oci::Digest;

/// The name of a container's image, as containerd writes it.
const CONTAINERD_IMAGE_NAME: &str = "io.kubernetes.cri.image-name";
/// The same of CRI-O, and the image that it found: an image ID, or `name@digest`.
const CRIO_IMAGE_NAME: &str = "io.kubernetes.cri-o.ImageName";
const CRIO_IMAGES: [&str; 2] = ["io.kubernetes.cri-o.ImageRef", "io.kubernetes.cri-o.Image"];
/// Where the kubelet has a Pod from. It overwrites what a Pod says of itself.
const CONFIG_SOURCE: &str = "kubernetes.io/config.source";

/// A container of a Pod. What a runtime leaves out is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContainerInPod {
    pub id: String,
    pub name: String,
    pub pod: String,
    pub namespace: String,
    pub pod_uid: String,
    /// Whether the kubelet has the Pod from a file or an address of its own, and not from
    /// an API server.
    pub is_static: bool,
    /// Whether the Pod asks to be refused, to see that there is a gate.
    pub is_canary: bool,
    /// Whether a process of it runs.
    pub is_running: bool,
    pub image: ContainerImage,
}

/// What a runtime says of a container's image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContainerImage {
    /// As the Pod names it, or as the runtime understood that.
    pub name: String,
    /// Of the index, the manifest or the config: those that the runtime tells. None: it tells
    /// none, and is to be asked by the name.
    pub digests: Vec<Digest>,
}

impl ContainerInPod {
    pub(super) fn new(pod: Option<PodSandbox>, container: Container) -> Self {
        let pod = pod.unwrap_or_default();
        let source = pod.annotations.get(CONFIG_SOURCE);
        Self {
            is_static: source.is_some_and(|source| source != "api"),
            is_canary: pod.annotations.contains_key(NODE_CANARY),
            is_running: container.state == ContainerState::Running as i32,
            image: image(container.image, &container.annotations),
            id: container.id,
            name: container.name,
            pod: pod.name,
            namespace: pod.namespace,
            pod_uid: pod.uid,
        }
    }
}

fn image(told: Option<Image>, annotations: &HashMap<String, String>) -> ContainerImage {
    let told = told.unwrap_or_default();
    let noted = [CONTAINERD_IMAGE_NAME, CRIO_IMAGE_NAME]
        .iter()
        .find_map(|key| annotations.get(*key));
    let name = match told.name.is_empty() {
        true => noted.cloned().unwrap_or_default(),
        false => told.name,
    };
    let own = [told.digest, told.config_digest];
    let noted = CRIO_IMAGES.iter().filter_map(|key| annotations.get(*key));
    let mut digests = Vec::new();
    for digest in own.iter().chain(noted).filter_map(|text| digest(text)) {
        if !digests.contains(&digest) {
            digests.push(digest);
        }
    }
    ContainerImage { name, digests }
}

/// Of `name@sha256:…`, `sha256:…`, or an image ID without its algorithm.
fn digest(text: &str) -> Option<Digest> {
    let (_, text) = text.rsplit_once('@').unwrap_or(("", text));
    let named = Digest::parse(text).ok();
    named.or_else(|| Digest::parse(&format!("sha256:{text}")).ok())
}
