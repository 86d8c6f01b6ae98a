//! The messages of NRI (`nri.pkg.api.v1alpha1`, pkg/api/api.proto of v0.12.3), with the fields
//! that are read or written here. Readers of protobuf skip the others.

use std::collections::HashMap;

use prost::Message;

pub(super) const RUNTIME_SERVICE: &str = "nri.pkg.api.v1alpha1.Runtime";
pub(super) const PLUGIN_SERVICE: &str = "nri.pkg.api.v1alpha1.Plugin";

#[derive(Clone, PartialEq, Message)]
pub(super) struct RegisterPluginRequest {
    #[prost(string, tag = "1")]
    pub(super) plugin_name: String,
    #[prost(string, tag = "2")]
    pub(super) plugin_idx: String,
    #[prost(string, tag = "3")]
    pub(super) nri_version: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ConfigureRequest {
    #[prost(string, tag = "2")]
    pub(super) runtime_name: String,
    #[prost(string, tag = "3")]
    pub(super) runtime_version: String,
    #[prost(string, tag = "6")]
    pub(super) nri_version: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ConfigureResponse {
    #[prost(int32, tag = "2")]
    pub(super) events: i32,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct SynchronizeRequest {
    #[prost(message, repeated, tag = "1")]
    pub(super) pods: Vec<PodSandbox>,
    #[prost(message, repeated, tag = "2")]
    pub(super) containers: Vec<Container>,
    #[prost(bool, tag = "3")]
    pub(super) more: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct SynchronizeResponse {
    #[prost(bool, tag = "2")]
    pub(super) more: bool,
}

/// `CreateContainerRequest`, and those of its kind: they begin alike.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ContainerRequest {
    #[prost(message, optional, tag = "1")]
    pub(super) pod: Option<PodSandbox>,
    #[prost(message, optional, tag = "2")]
    pub(super) container: Option<Container>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct StateChangeEvent {
    #[prost(enumeration = "Event", tag = "1")]
    pub(super) event: i32,
    #[prost(message, optional, tag = "2")]
    pub(super) pod: Option<PodSandbox>,
    #[prost(message, optional, tag = "3")]
    pub(super) container: Option<Container>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct PodSandbox {
    #[prost(string, tag = "1")]
    pub(super) id: String,
    #[prost(string, tag = "2")]
    pub(super) name: String,
    #[prost(string, tag = "3")]
    pub(super) uid: String,
    #[prost(string, tag = "4")]
    pub(super) namespace: String,
    #[prost(map = "string, string", tag = "6")]
    pub(super) annotations: HashMap<String, String>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Container {
    #[prost(string, tag = "1")]
    pub(super) id: String,
    #[prost(string, tag = "2")]
    pub(super) pod_sandbox_id: String,
    #[prost(string, tag = "3")]
    pub(super) name: String,
    #[prost(enumeration = "ContainerState", tag = "4")]
    pub(super) state: i32,
    #[prost(map = "string, string", tag = "6")]
    pub(super) annotations: HashMap<String, String>,
    /// Since NRI 0.12.3, as in containerd 2.4.
    #[prost(message, optional, tag = "22")]
    pub(super) image: Option<Image>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Image {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    /// Of the index or manifest that was pulled.
    #[prost(string, tag = "2")]
    pub(super) digest: String,
    #[prost(string, tag = "3")]
    pub(super) config_digest: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub(super) enum ContainerState {
    Unknown = 0,
    Created = 1,
    Paused = 2,
    Running = 3,
    Stopped = 4,
}

/// Those that are subscribed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub(super) enum Event {
    Unknown = 0,
    CreateContainer = 4,
    PostStartContainer = 7,
    StopContainer = 10,
    RemoveContainer = 11,
}

impl Event {
    const SUBSCRIBED: [Self; 4] = [
        Self::CreateContainer,
        Self::PostStartContainer,
        Self::StopContainer,
        Self::RemoveContainer,
    ];

    /// The bits that stand for them.
    pub(super) fn mask() -> i32 {
        let bits = Self::SUBSCRIBED
            .into_iter()
            .map(|event| 1 << (event as i32 - 1));
        bits.sum()
    }
}
