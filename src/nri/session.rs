//! One connection with a runtime, from registration to its end.

use super::NriError;
use super::call::{Call, Reply};
use super::messages::{RUNTIME_SERVICE, RegisterPluginRequest};
use super::trunk::{PLUGIN_CONNECTION, RUNTIME_CONNECTION, Trunk, framed};
use super::ttrpc::{Inbox, Request};
use prost::Message;

/// The version of NRI whose messages these are.
const NRI_VERSION: &str = "v0.12.3";
/// Streams of whoever begins a call have odd numbers.
const REGISTRATION_STREAM: u32 = 1;

/// What a plugin registers as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PluginName {
    pub name: &'static str,
    /// Two digits: plugins are asked in their order.
    pub index: &'static str,
}

/// What the runtime said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incoming {
    /// The plugin is taken.
    Registered,
    /// It is not, for this reason.
    NotRegistered(String),
    /// A question, to be answered under its stream.
    Asked { stream: u32, call: Call },
}

/// The plugin's side of a connection. Reads and writes no socket itself.
#[derive(Debug, Default)]
pub struct PluginSession {
    trunk: Trunk,
    plugin: Inbox,
    runtime: Inbox,
}

impl PluginSession {
    pub fn new() -> Self {
        Self::default()
    }

    /// What is to be written first.
    pub fn registration(name: PluginName) -> Vec<u8> {
        let asked = RegisterPluginRequest {
            plugin_name: name.name.to_owned(),
            plugin_idx: name.index.to_owned(),
            nri_version: NRI_VERSION.to_owned(),
        };
        let request = Request {
            service: RUNTIME_SERVICE.to_owned(),
            method: "RegisterPlugin".to_owned(),
            payload: asked.encode_to_vec().into(),
        };
        framed(RUNTIME_CONNECTION, &request.written(REGISTRATION_STREAM))
    }

    /// Takes what was read from the socket, and tells what it says, in order.
    ///
    /// # Errors
    /// [`NriError`]: the connection is to be closed.
    pub fn read(&mut self, bytes: &[u8]) -> Result<Vec<Incoming>, NriError> {
        self.trunk.push(bytes);
        let mut found = Vec::new();
        while let Some((connection, part)) = self.trunk.next()? {
            match connection {
                PLUGIN_CONNECTION => self.asked(&part, &mut found)?,
                RUNTIME_CONNECTION => self.answered(&part, &mut found)?,
                // Of a later version.
                _ => {}
            }
        }
        Ok(found)
    }

    /// What is to be written in answer to what was asked under that stream.
    pub fn reply(stream: u32, reply: &Reply) -> Vec<u8> {
        framed(PLUGIN_CONNECTION, &reply.response().written(stream))
    }

    fn asked(&mut self, part: &[u8], found: &mut Vec<Incoming>) -> Result<(), NriError> {
        self.plugin.push(part);
        while let Some((stream, request)) = self.plugin.request()? {
            let call = Call::read(request);
            found.push(Incoming::Asked { stream, call });
        }
        Ok(())
    }

    fn answered(&mut self, part: &[u8], found: &mut Vec<Incoming>) -> Result<(), NriError> {
        self.runtime.push(part);
        while let Some((stream, response)) = self.runtime.response()? {
            if stream == REGISTRATION_STREAM {
                found.push(match response.refusal() {
                    None => Incoming::Registered,
                    Some(why) => Incoming::NotRegistered(why.to_owned()),
                });
            }
        }
        Ok(())
    }
}
