//! One connection that carries several: each frame is the number of a connection and a
//! length, 4 bytes each, big-endian, and then that many bytes.

use bytes::{Buf, Bytes, BytesMut};

use super::NriError;
use super::ttrpc::{HEADER_BYTES, MAX_MESSAGE_BYTES};

/// By this one the runtime asks the plugin.
pub(super) const PLUGIN_CONNECTION: u32 = 1;
/// By this one the plugin asks the runtime.
pub(super) const RUNTIME_CONNECTION: u32 = 2;

const FRAME_HEADER_BYTES: usize = 8;
/// The longest frame that the runtime sends, in bytes.
const MAX_FRAME_BYTES: usize = HEADER_BYTES + MAX_MESSAGE_BYTES;
/// The longest that is sent, in bytes: the runtime reads each frame into a buffer of that
/// size, and ends the session over a longer one.
const SENT_FRAME_BYTES: usize = 4096;

/// What came and is no whole frame yet.
#[derive(Debug, Default)]
pub(super) struct Trunk(BytesMut);

impl Trunk {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// The next whole frame: its connection, and what it carries.
    pub(super) fn next(&mut self) -> Result<Option<(u32, Bytes)>, NriError> {
        let Some(mut header) = self.0.get(..FRAME_HEADER_BYTES) else {
            return Ok(None);
        };
        let (connection, length) = (header.get_u32(), header.get_u32());
        let bytes = length as usize;
        if bytes > MAX_FRAME_BYTES {
            return Err(NriError::LongFrame(length));
        }
        if self.0.len() < FRAME_HEADER_BYTES + bytes {
            return Ok(None);
        }
        self.0.advance(FRAME_HEADER_BYTES);
        Ok(Some((connection, self.0.split_to(bytes).freeze())))
    }
}

/// The frames that carry `message` by that connection.
pub(super) fn framed(connection: u32, message: &[u8]) -> Vec<u8> {
    let mut frames = Vec::with_capacity(message.len() + FRAME_HEADER_BYTES);
    for part in message.chunks(SENT_FRAME_BYTES) {
        let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
        frames.extend_from_slice(&connection.to_be_bytes());
        frames.extend_from_slice(&length.to_be_bytes());
        frames.extend_from_slice(part);
    }
    frames
}
