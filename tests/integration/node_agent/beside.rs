//! Another plugin of the runtime's beside the agent: what it does lifts no refusal.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use sekisho::nri::{Call, Incoming, PluginName, PluginSession, Reply};

use super::stage::{Stage, WITHIN};
use crate::lab::{Release, eventually, or_skip};

/// What a plugin does when it is asked for a container.
#[derive(Clone, Copy)]
enum Manner {
    Agrees,
    Hangs,
}

/// A plugin of that place in the order of plugins, and what tells of each container that it
/// is asked for.
fn plugin(socket: &Path, index: &'static str, manner: Manner) -> Receiver<String> {
    let (sender, receiver) = channel();
    let mut stream = UnixStream::connect(socket).unwrap();
    let name = PluginName {
        name: "other",
        index,
    };
    stream
        .write_all(&PluginSession::registration(name))
        .unwrap();
    thread::spawn(move || answer(stream, manner, &sender));
    receiver
}

/// Until the runtime ends the connection.
fn answer(mut stream: UnixStream, manner: Manner, asked: &Sender<String>) {
    let (mut session, mut buffer) = (PluginSession::new(), vec![0; 64 << 10]);
    while let Ok(read @ 1..) = stream.read(&mut buffer) {
        for incoming in session.read(&buffer[..read]).unwrap() {
            let Incoming::Asked { stream: id, call } = incoming else {
                continue;
            };
            let reply = match call {
                Call::Configure(_) => Reply::Subscribe,
                Call::Synchronize { more, .. } => Reply::Synchronized { more },
                Call::Create(container) => {
                    let _ = asked.send(container.image.name.clone());
                    if let Manner::Hangs = manner {
                        continue;
                    }
                    Reply::Done
                }
                _ => Reply::Done,
            };
            let _ = stream.write_all(&PluginSession::reply(id, &reply));
        }
    }
}

#[test]
fn other_plugins_lift_no_refusal() {
    let stage = or_skip!(Stage::open_with(Release::V2_4, "", |setup, _| setup));
    let socket = stage.node.nri_socket();
    let before = plugin(&socket, "10", Manner::Agrees);
    let _agent = stage.agent();
    let behind = plugin(&socket, "99", Manner::Agrees);
    for asked in [&before, &behind] {
        eventually("it is asked", WITHIN, || {
            stage.create().unwrap();
            asked.try_recv().ok()
        });
    }
    stage.revoke();
    stage.becomes(Stage::is_refused, "a refusal");
    while behind.try_recv().is_ok() {}
    stage.refused();
    // Who comes behind is not asked for what is refused already.
    assert!(behind.try_recv().is_err());
    // The runtime gives one that hangs up, and asks the others.
    let hangs = plugin(&socket, "20", Manner::Hangs);
    eventually("it is asked", WITHIN, || {
        stage.refused();
        hangs.try_recv().ok()
    });
    stage.refused();
    stage.reinstate();
    stage.becomes(Stage::is_created, "a container");
}
