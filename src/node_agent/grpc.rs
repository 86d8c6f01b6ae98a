//! One call of gRPC over a socket: a request, a response, and the status behind it.

use std::path::Path;
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use h2::client::SendRequest;
use http::HeaderMap;
use prost::Message;
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::error::CriError;

/// The longest response, in bytes.
const MAX_RESPONSE_BYTES: usize = 16 << 20;
/// Whether it is compressed, and its length.
const PREFIX_BYTES: usize = 5;

/// Calls `path`, such as `/runtime.v1.ImageService/ImageStatus`.
pub(super) async fn call<A: Message + Default>(
    socket: &Path,
    path: &'static str,
    question: &impl Message,
    within: Duration,
) -> Result<A, CriError> {
    let body = framed(question);
    let exchanged = async {
        let stream = UnixStream::connect(socket).await?;
        let (send, connection) = h2::client::handshake(stream).await?;
        tokio::select! {
            answered = exchange(send, path, body) => answered,
            ended = connection => {
                ended?;
                Err(CriError::Strange("the connection ended"))
            }
        }
    };
    timeout(within, exchanged)
        .await
        .map_err(|_| CriError::TimedOut)?
}

pub(super) fn framed(message: &impl Message) -> Bytes {
    let length = message.encoded_len();
    let mut bytes = BytesMut::with_capacity(PREFIX_BYTES + length);
    bytes.put_u8(0);
    bytes.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
    bytes.put_slice(&message.encode_to_vec());
    bytes.freeze()
}

async fn exchange<A: Message + Default>(
    send: SendRequest<Bytes>,
    path: &'static str,
    body: Bytes,
) -> Result<A, CriError> {
    let request = http::Request::post(format!("http://localhost{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(());
    let request = request.map_err(|_| CriError::Strange("no such path"))?;
    let mut send = send.ready().await?;
    let (response, mut sending) = send.send_request(request, false)?;
    sending.send_data(body, true)?;
    let response = response.await?;
    refusal(response.headers())?;
    let mut receiving = response.into_body();
    let mut bytes = BytesMut::new();
    while let Some(chunk) = receiving.data().await {
        let chunk = chunk?;
        if bytes.len() + chunk.len() > MAX_RESPONSE_BYTES {
            return Err(CriError::Strange("the response is too long"));
        }
        let _ = receiving.flow_control().release_capacity(chunk.len());
        bytes.extend_from_slice(&chunk);
    }
    let trailers = receiving.trailers().await?.unwrap_or_default();
    refusal(&trailers)?;
    unframed(bytes)
}

/// What the status says, where it stands in `headers` and is not OK.
fn refusal(headers: &HeaderMap) -> Result<(), CriError> {
    let word = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let code = word("grpc-status").unwrap_or("0");
    if code == "0" {
        return Ok(());
    }
    Err(CriError::Refused {
        code: code.parse().unwrap_or(u32::MAX),
        message: word("grpc-message").unwrap_or_default().to_owned(),
    })
}

/// The message of a whole response.
pub(super) fn unframed<A: Message + Default>(mut bytes: BytesMut) -> Result<A, CriError> {
    let Some(mut prefix) = bytes.get(..PREFIX_BYTES) else {
        return Err(CriError::Strange("no response"));
    };
    let (compressed, length) = (prefix.get_u8(), prefix.get_u32() as usize);
    bytes.advance(PREFIX_BYTES);
    if compressed != 0 || bytes.len() != length {
        return Err(CriError::Strange("a response in another form"));
    }
    A::decode(bytes.freeze()).map_err(|_| CriError::Strange("the response is no protobuf"))
}
