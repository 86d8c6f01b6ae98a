//! ttrpc, containerd's protocol of remote calls: a header of ten bytes (length, stream, kind,
//! flags) and a protobuf. Only calls of one request and one response, which is all that NRI
//! has.

use bytes::{Buf, Bytes, BytesMut};
use prost::Message;

use super::NriError;

pub(super) const HEADER_BYTES: usize = 10;
/// The longest message that ttrpc allows, without its header.
pub(super) const MAX_MESSAGE_BYTES: usize = 4 << 20;

const REQUEST: u8 = 1;
const RESPONSE: u8 = 2;

/// Codes of gRPC, of which ttrpc uses these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StatusCode {
    Ok = 0,
    PermissionDenied = 7,
    Unimplemented = 12,
}

/// `ttrpc.Request`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Request {
    #[prost(string, tag = "1")]
    pub(super) service: String,
    #[prost(string, tag = "2")]
    pub(super) method: String,
    #[prost(bytes = "bytes", tag = "3")]
    pub(super) payload: Bytes,
}

/// `ttrpc.Response`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Response {
    #[prost(message, optional, tag = "1")]
    pub(super) status: Option<Status>,
    #[prost(bytes = "bytes", tag = "2")]
    pub(super) payload: Bytes,
}

/// `google.rpc.Status`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Status {
    #[prost(int32, tag = "1")]
    pub(super) code: i32,
    #[prost(string, tag = "2")]
    pub(super) message: String,
}

/// What came by one connection and is no whole message yet.
#[derive(Debug, Default)]
pub(super) struct Inbox(BytesMut);

impl Inbox {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// The next request, with its stream.
    pub(super) fn request(&mut self) -> Result<Option<(u32, Request)>, NriError> {
        self.next(REQUEST)
    }

    /// The next response, with its stream.
    pub(super) fn response(&mut self) -> Result<Option<(u32, Response)>, NriError> {
        self.next(RESPONSE)
    }

    fn next<M: Message + Default>(&mut self, expected: u8) -> Result<Option<(u32, M)>, NriError> {
        let Some(mut header) = self.0.get(..HEADER_BYTES) else {
            return Ok(None);
        };
        let (length, stream, kind) = (header.get_u32(), header.get_u32(), header.get_u8());
        let bytes = length as usize;
        if bytes > MAX_MESSAGE_BYTES {
            return Err(NriError::LongMessage(length));
        }
        if kind != expected {
            return Err(NriError::Kind(kind));
        }
        if self.0.len() < HEADER_BYTES + bytes {
            return Ok(None);
        }
        self.0.advance(HEADER_BYTES);
        let body = self.0.split_to(bytes).freeze();
        let message = M::decode(body).map_err(|_| NriError::Unreadable)?;
        Ok(Some((stream, message)))
    }
}

impl Request {
    pub(super) fn written(&self, stream: u32) -> Vec<u8> {
        written(stream, REQUEST, self)
    }
}

impl Response {
    pub(super) fn new(code: StatusCode, message: String, payload: Vec<u8>) -> Self {
        let code = code as i32;
        Self {
            status: Some(Status { code, message }),
            payload: payload.into(),
        }
    }

    /// Why it is a refusal; `None`: it is none.
    pub(super) fn refusal(&self) -> Option<&str> {
        let status = self.status.as_ref()?;
        (status.code != StatusCode::Ok as i32).then_some(status.message.as_str())
    }

    pub(super) fn written(&self, stream: u32) -> Vec<u8> {
        written(stream, RESPONSE, self)
    }
}

fn written(stream: u32, kind: u8, message: &impl Message) -> Vec<u8> {
    let length = message.encoded_len();
    let mut bytes = Vec::with_capacity(HEADER_BYTES + length);
    bytes.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
    bytes.extend_from_slice(&stream.to_be_bytes());
    bytes.extend_from_slice(&[kind, 0]);
    bytes.extend_from_slice(&message.encode_to_vec());
    bytes
}
