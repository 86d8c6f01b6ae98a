//! What the runtime asks of a plugin, and what the plugin answers.

use std::collections::HashMap;

use prost::Message;

use super::container::ContainerInPod;
use super::messages::{
    ConfigureRequest, ConfigureResponse, Container, ContainerRequest, Event, PLUGIN_SERVICE,
    PodSandbox, StateChangeEvent, SynchronizeRequest, SynchronizeResponse,
};
use super::ttrpc::{Request, Response, StatusCode};

/// A question of the runtime.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// Which events the plugin wants.
    Configure(RuntimeIdentity),
    /// What is there already. Where `more` is so, another of these follows.
    Synchronize {
        containers: Vec<ContainerInPod>,
        more: bool,
    },
    /// Whether this container may be created.
    Create(Box<ContainerInPod>),
    /// A process of it runs now.
    Started(Box<ContainerInPod>),
    /// None runs any more.
    Ended(Box<ContainerInPod>),
    /// The runtime goes down.
    Shutdown,
    /// Something that needs no answer of substance.
    Other,
    /// The arguments of this method cannot be read.
    Unreadable(&'static str),
    /// A method that this version of NRI does not have.
    Unknown,
}

/// Which runtime it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuntimeIdentity {
    pub name: String,
    pub version: String,
    /// Of NRI; empty where the runtime does not tell, as before NRI 0.11.
    pub nri_version: String,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// It is well.
    Done,
    /// The plugin wants to be told of containers.
    Subscribe,
    /// Understood, and more may follow.
    Synchronized {
        more: bool,
    },
    /// The container is not to be created, for the reason that people read in its Pod's
    /// events.
    Refuse(String),
    Unimplemented,
}

impl Call {
    pub(super) fn read(request: Request) -> Self {
        if request.service != PLUGIN_SERVICE {
            return Self::Unknown;
        }
        let payload = request.payload;
        match request.method.as_str() {
            "Configure" => decoded("Configure", payload, Self::configure),
            "Synchronize" => decoded("Synchronize", payload, Self::synchronize),
            "CreateContainer" => of_container("CreateContainer", payload, Self::Create),
            "PostStartContainer" => of_container("PostStartContainer", payload, Self::Started),
            "StopContainer" => of_container("StopContainer", payload, Self::Ended),
            "RemoveContainer" => of_container("RemoveContainer", payload, Self::Ended),
            "StateChange" => decoded("StateChange", payload, Self::state_change),
            "Shutdown" => Self::Shutdown,
            _ => Self::Unknown,
        }
    }

    fn configure(request: ConfigureRequest) -> Self {
        Self::Configure(RuntimeIdentity {
            name: request.runtime_name,
            version: request.runtime_version,
            nri_version: request.nri_version,
        })
    }

    fn synchronize(request: SynchronizeRequest) -> Self {
        let pods = request.pods.into_iter().map(|pod| (pod.id.clone(), pod));
        let pods: HashMap<String, PodSandbox> = pods.collect();
        let containers = request.containers.into_iter().map(|container| {
            let pod = pods.get(&container.pod_sandbox_id).cloned();
            ContainerInPod::new(pod, container)
        });
        Self::Synchronize {
            containers: containers.collect(),
            more: request.more,
        }
    }

    /// How runtimes with an older NRI tell of some events.
    fn state_change(change: StateChangeEvent) -> Self {
        let (event, pod) = (change.event(), change.pod);
        let Some(container) = change.container else {
            return Self::Other;
        };
        let found = Box::new(ContainerInPod::new(pod, container));
        match event {
            Event::PostStartContainer => Self::Started(found),
            Event::StopContainer | Event::RemoveContainer => Self::Ended(found),
            Event::CreateContainer | Event::Unknown => Self::Other,
        }
    }
}

fn decoded<M: Message + Default>(
    method: &'static str,
    payload: bytes::Bytes,
    read: impl FnOnce(M) -> Call,
) -> Call {
    M::decode(payload).map_or(Call::Unreadable(method), read)
}

fn of_container(
    method: &'static str,
    payload: bytes::Bytes,
    made: fn(Box<ContainerInPod>) -> Call,
) -> Call {
    decoded(method, payload, |request: ContainerRequest| {
        let container: Container = request.container.unwrap_or_default();
        made(Box::new(ContainerInPod::new(request.pod, container)))
    })
}

impl Reply {
    pub(super) fn response(&self) -> Response {
        let ok = |payload| Response::new(StatusCode::Ok, String::new(), payload);
        let events = Event::mask();
        match self {
            Self::Done => ok(Vec::new()),
            Self::Subscribe => ok(ConfigureResponse { events }.encode_to_vec()),
            Self::Synchronized { more } => ok(SynchronizeResponse { more: *more }.encode_to_vec()),
            Self::Refuse(reason) => {
                Response::new(StatusCode::PermissionDenied, reason.clone(), Vec::new())
            }
            Self::Unimplemented => {
                let text = "not a method of this plugin".to_owned();
                Response::new(StatusCode::Unimplemented, text, Vec::new())
            }
        }
    }
}
