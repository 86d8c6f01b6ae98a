//! Whatever stands in for a runtime: nothing panics, and nothing is reserved for what is only
//! announced.

use super::super::messages::{ContainerRequest, Image, StateChangeEvent, SynchronizeRequest};
use super::super::{Incoming, PluginSession};
use super::kit::{asked, container, pod};
use crate::oci::Digest;
use crate::tests::Fuzz;

fn told(incoming: &Incoming) -> String {
    match incoming {
        Incoming::Registered => "registered".to_owned(),
        Incoming::NotRegistered(_) => "not registered".to_owned(),
        Incoming::Asked { call, .. } => {
            let text = format!("{call:?}");
            text.split(|it: char| !it.is_alphanumeric())
                .next()
                .unwrap_or_default()
                .to_owned()
        }
    }
}

#[test]
fn fuzz_runtimes() {
    let image = Image {
        name: "gate.corp/team/app:1".to_owned(),
        digest: Digest::sha256(b"index").to_string(),
        config_digest: Digest::sha512(b"config").to_string(),
    };
    let (pod, container) = (pod(), container(Some(image)));
    let change = StateChangeEvent {
        event: 7,
        pod: Some(pod.clone()),
        container: Some(container.clone()),
    };
    let request = ContainerRequest {
        pod: Some(pod.clone()),
        container: Some(container.clone()),
    };
    let synchronize = SynchronizeRequest {
        pods: vec![pod],
        containers: vec![container],
        more: false,
    };
    let seeds = [
        asked(1, "CreateContainer", &request),
        asked(3, "StateChange", &change),
        asked(5, "Synchronize", &synchronize),
    ];
    Fuzz::new("runtimes", &seeds).run(|bytes| {
        let mut session = PluginSession::new();
        match session.read(bytes) {
            Ok(found) => found.iter().map(told).collect::<Vec<_>>().join(" "),
            Err(error) => error
                .to_string()
                .chars()
                .filter(|it| !it.is_ascii_digit())
                .collect(),
        }
    });
}
