//! Sessions: frames, both directions, and what is refused.

use prost::Message;

use super::super::messages::{
    ConfigureRequest, ConfigureResponse, Container, ContainerRequest, PLUGIN_SERVICE,
    RUNTIME_SERVICE, RegisterPluginRequest, StateChangeEvent, SynchronizeRequest,
};
use super::super::trunk::{PLUGIN_CONNECTION, RUNTIME_CONNECTION, Trunk, framed};
use super::super::ttrpc::{Inbox, Request, Response, StatusCode};
use super::super::{Call, Incoming, NriError, PluginName, PluginSession, Reply, RuntimeIdentity};
use super::kit::{asked, container, pod};

const NAME: PluginName = PluginName {
    name: "sekisho",
    index: "90",
};

/// What the plugin wrote, as the runtime reads it: connection, and whole messages.
fn carried(bytes: &[u8]) -> (u32, Inbox) {
    let (mut trunk, mut inbox, mut by) = (Trunk::default(), Inbox::default(), 0);
    trunk.push(bytes);
    while let Some((connection, part)) = trunk.next().unwrap() {
        by = connection;
        inbox.push(&part);
    }
    (by, inbox)
}

fn answer(reply: &Reply) -> Response {
    let (by, mut inbox) = carried(&PluginSession::reply(7, reply));
    let (stream, response) = inbox.response().unwrap().unwrap();
    assert_eq!((by, stream), (PLUGIN_CONNECTION, 7));
    response
}

fn calls(bytes: &[u8]) -> Vec<Call> {
    let found = PluginSession::new().read(bytes).unwrap();
    let call = |incoming| match incoming {
        Incoming::Asked { call, .. } => call,
        other => panic!("{other:?}"),
    };
    found.into_iter().map(call).collect()
}

#[test]
fn registers_by_the_runtimes_connection() {
    let (by, mut inbox) = carried(&PluginSession::registration(NAME));
    let (stream, request) = inbox.request().unwrap().unwrap();
    assert_eq!((by, stream), (RUNTIME_CONNECTION, 1));
    assert_eq!(request.service, RUNTIME_SERVICE);
    assert_eq!(request.method, "RegisterPlugin");
    let asked = RegisterPluginRequest::decode(request.payload).unwrap();
    assert_eq!(asked.plugin_name, "sekisho");
    assert_eq!(asked.plugin_idx, "90");
}

#[test]
fn hears_whether_it_is_registered() {
    let why = "invalid plugin index".to_owned();
    for (code, text, expected) in [
        (StatusCode::Ok, String::new(), Incoming::Registered),
        (
            StatusCode::PermissionDenied,
            why.clone(),
            Incoming::NotRegistered(why),
        ),
    ] {
        let response = Response::new(code, text, Vec::new()).written(1);
        let bytes = framed(RUNTIME_CONNECTION, &response);
        assert_eq!(PluginSession::new().read(&bytes).unwrap(), [expected]);
    }
}

#[test]
fn is_told_of_containers_that_are_created_started_and_ended() {
    let answered = answer(&Reply::Subscribe);
    let events = ConfigureResponse::decode(answered.payload).unwrap().events;
    let bits: Vec<i32> = (1..32)
        .filter(|event| events >> (event - 1) & 1 == 1)
        .collect();
    assert_eq!(bits, [4, 7, 10, 11]);
}

#[test]
fn understands_each_call() {
    let request = ContainerRequest {
        pod: Some(pod()),
        container: Some(container(None)),
    };
    let seen = super::kit::created(pod(), container(None));
    let change = |event| StateChangeEvent {
        event,
        pod: Some(pod()),
        container: Some(container(None)),
    };
    let of_pod = StateChangeEvent {
        container: None,
        ..change(10)
    };
    let boxed = || Box::new(seen.clone());
    let configure = ConfigureRequest {
        runtime_name: "containerd".to_owned(),
        runtime_version: "v2.4.2".to_owned(),
        nri_version: "v0.12.3".to_owned(),
    };
    let runtime = RuntimeIdentity {
        name: "containerd".to_owned(),
        version: "v2.4.2".to_owned(),
        nri_version: "v0.12.3".to_owned(),
    };
    for (bytes, expected) in [
        (asked(1, "Configure", &configure), Call::Configure(runtime)),
        (asked(1, "CreateContainer", &request), Call::Create(boxed())),
        (
            asked(1, "PostStartContainer", &request),
            Call::Started(boxed()),
        ),
        (asked(1, "StopContainer", &request), Call::Ended(boxed())),
        (asked(1, "RemoveContainer", &request), Call::Ended(boxed())),
        (asked(1, "StateChange", &change(7)), Call::Started(boxed())),
        (asked(1, "StateChange", &change(11)), Call::Ended(boxed())),
        (asked(1, "StateChange", &change(99)), Call::Other),
        (asked(1, "StateChange", &of_pod), Call::Other),
        (
            asked(1, "Shutdown", &ConfigureRequest::default()),
            Call::Shutdown,
        ),
        (
            asked(1, "WhatComes", &ConfigureRequest::default()),
            Call::Unknown,
        ),
    ] {
        assert_eq!(calls(&bytes), [expected]);
    }
}

#[test]
fn knows_the_pods_of_what_runs_already() {
    let request = SynchronizeRequest {
        pods: vec![pod()],
        containers: vec![container(None), Container::default()],
        more: true,
    };
    let [Call::Synchronize { containers, more }] = &calls(&asked(1, "Synchronize", &request))[..]
    else {
        panic!("no Synchronize");
    };
    assert!(*more);
    assert_eq!(containers[0].namespace, "shop");
    assert_eq!(containers[1].namespace, "");
}

#[test]
fn a_refusal_is_an_error_with_its_text() {
    let refused = answer(&Reply::Refuse("sekisho: revoked".to_owned()));
    assert_eq!(refused.refusal(), Some("sekisho: revoked"));
    for fine in [
        Reply::Done,
        Reply::Subscribe,
        Reply::Synchronized { more: true },
    ] {
        assert_eq!(answer(&fine).refusal(), None);
    }
    assert_eq!(answer(&Reply::Unimplemented).status.unwrap().code, 12);
}

/// A runtime reads each frame into a buffer of 4096 bytes.
#[test]
fn a_long_answer_travels_in_short_frames() {
    let text = "x".repeat(10_000);
    let bytes = PluginSession::reply(7, &Reply::Refuse(text.clone()));
    let mut trunk = Trunk::default();
    trunk.push(&bytes);
    while let Some((_, part)) = trunk.next().unwrap() {
        assert!(part.len() <= 4096, "{}", part.len());
    }
    assert_eq!(
        answer(&Reply::Refuse(text.clone())).refusal(),
        Some(&text[..])
    );
}

#[test]
fn reads_the_same_byte_by_byte() {
    let request = ContainerRequest {
        pod: Some(pod()),
        container: Some(container(None)),
    };
    let mut bytes = asked(1, "CreateContainer", &request);
    bytes.extend(asked(3, "StopContainer", &request));
    let mut session = PluginSession::new();
    let mut found = Vec::new();
    for byte in &bytes {
        found.extend(session.read(&[*byte]).unwrap());
    }
    assert_eq!(found, PluginSession::new().read(&bytes).unwrap());
    assert_eq!(found.len(), 2);
}

#[test]
fn a_message_may_come_in_several_frames() {
    let request = Request {
        service: PLUGIN_SERVICE.to_owned(),
        method: "Shutdown".to_owned(),
        payload: vec![0; 9000].into(),
    };
    let frames = framed(PLUGIN_CONNECTION, &request.written(1));
    assert_eq!(calls(&frames), [Call::Shutdown]);
}

#[test]
fn other_connections_are_not_listened_to() {
    assert_eq!(
        PluginSession::new().read(&framed(3, b"anything")),
        Ok(vec![])
    );
}

#[test]
fn what_is_too_long_ends_the_session_before_it_is_kept() {
    let frame = [&1_u32.to_be_bytes()[..], &u32::MAX.to_be_bytes()].concat();
    let refused = PluginSession::new().read(&frame);
    assert_eq!(refused, Err(NriError::LongFrame(u32::MAX)));
    let length = (4 << 20) + 1_u32;
    let header = [&length.to_be_bytes()[..], &1_u32.to_be_bytes(), &[1, 0]].concat();
    let refused = PluginSession::new().read(&framed(PLUGIN_CONNECTION, &header));
    assert_eq!(refused, Err(NriError::LongMessage(length)));
}

#[test]
fn what_is_no_request_ends_the_session() {
    let response = Response::new(StatusCode::Ok, String::new(), Vec::new()).written(1);
    let refused = PluginSession::new().read(&framed(PLUGIN_CONNECTION, &response));
    assert_eq!(refused, Err(NriError::Kind(2)));
    let header = [
        &3_u32.to_be_bytes()[..],
        &1_u32.to_be_bytes(),
        &[1, 0],
        b"\xff\xff\xff",
    ]
    .concat();
    let refused = PluginSession::new().read(&framed(PLUGIN_CONNECTION, &header));
    assert_eq!(refused, Err(NriError::Unreadable));
}

/// The runtime is to go on, whatever it means.
#[test]
fn arguments_that_cannot_be_read_are_told_of() {
    let request = Request {
        service: PLUGIN_SERVICE.to_owned(),
        method: "CreateContainer".to_owned(),
        payload: b"\xff\xff\xff".to_vec().into(),
    };
    let found = calls(&framed(PLUGIN_CONNECTION, &request.written(1)));
    assert_eq!(found, [Call::Unreadable("CreateContainer")]);
}
