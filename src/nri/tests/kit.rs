//! The runtime's side, as far as tests need it.

use std::collections::HashMap;

use prost::Message;

use super::super::messages::{
    Container, ContainerRequest, ContainerState, Image, PLUGIN_SERVICE, PodSandbox,
};
use super::super::trunk::{PLUGIN_CONNECTION, framed};
use super::super::ttrpc::Request;
use super::super::{Call, ContainerInPod, Incoming, PluginSession};

pub fn texts(pairs: &[(&str, &str)]) -> HashMap<String, String> {
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    pairs.iter().map(owned).collect()
}

pub fn pod() -> PodSandbox {
    PodSandbox {
        id: "sandbox".to_owned(),
        name: "shop-1".to_owned(),
        uid: "u-1".to_owned(),
        namespace: "shop".to_owned(),
        annotations: texts(&[("kubernetes.io/config.source", "api")]),
    }
}

pub fn container(image: Option<Image>) -> Container {
    Container {
        id: "c1".to_owned(),
        pod_sandbox_id: "sandbox".to_owned(),
        name: "main".to_owned(),
        state: ContainerState::Running as i32,
        annotations: HashMap::new(),
        image,
    }
}

/// A request of the runtime, as it travels.
pub fn asked(stream: u32, method: &str, payload: &impl Message) -> Vec<u8> {
    let request = Request {
        service: PLUGIN_SERVICE.to_owned(),
        method: method.to_owned(),
        payload: payload.encode_to_vec().into(),
    };
    framed(PLUGIN_CONNECTION, &request.written(stream))
}

/// What a plugin understands of a container that is to be created.
pub fn created(pod: PodSandbox, container: Container) -> ContainerInPod {
    let (pod, container) = (Some(pod), Some(container));
    let bytes = asked(3, "CreateContainer", &ContainerRequest { pod, container });
    let found = PluginSession::new().read(&bytes).unwrap();
    match <[Incoming; 1]>::try_from(found) {
        Ok(
            [
                Incoming::Asked {
                    call: Call::Create(it),
                    ..
                },
            ],
        ) => *it,
        other => panic!("{other:?}"),
    }
}
