//! Reading a whole request body: bounded, counted against what is held altogether,
//! and within a deadline.

use std::pin::pin;
use std::time::Instant;

use bytes::{Buf, Bytes};
use http_body_util::BodyExt;
use tokio::sync::{Semaphore, SemaphorePermit};

/// What of a body that is not kept is looked at, in bytes.
const BEGINNING: usize = 64 << 10;
/// What is read and thrown away, so that the client hears an answer, in bytes.
const DRAINED: usize = 64 << 20;
const KIB: usize = 1 << 10;

/// What came of a body.
pub enum Received<'a> {
    /// All of it, and the room that it takes.
    Whole(Vec<u8>, Option<SemaphorePermit<'a>>),
    /// More than the limit; this is how it begins.
    TooLong(Vec<u8>),
    /// There was no room for it.
    NoRoom(Vec<u8>),
    /// It broke off, or took too long.
    Broken,
}

/// Reads `body` up to `limit` bytes. `room` counts KiB that all bodies may take
/// together; a body waits for none.
pub async fn receive<B>(body: B, limit: usize, room: &Semaphore, deadline: Instant) -> Received<'_>
where
    B: http_body::Body<Data = Bytes>,
{
    let deadline = tokio::time::Instant::from_std(deadline);
    let received = tokio::time::timeout_at(deadline, collect(body, limit, room)).await;
    received.unwrap_or(Received::Broken)
}

async fn collect<B>(body: B, limit: usize, room: &Semaphore) -> Received<'_>
where
    B: http_body::Body<Data = Bytes>,
{
    let mut body = pin!(body);
    let mut bytes: Vec<u8> = Vec::new();
    let mut held: Option<SemaphorePermit<'_>> = None;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            return Received::Broken;
        };
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if bytes.len() + data.remaining() > limit {
            bytes.extend_from_slice(&data);
            return Received::TooLong(drain(body, bytes).await);
        }
        let more = data.remaining().div_ceil(KIB);
        match u32::try_from(more)
            .ok()
            .and_then(|more| room.try_acquire_many(more).ok())
        {
            Some(taken) => match &mut held {
                Some(held) => held.merge(taken),
                None => held = Some(taken),
            },
            None => {
                bytes.extend_from_slice(&data);
                return Received::NoRoom(drain(body, bytes).await);
            }
        }
        bytes.extend_from_slice(&data);
    }
    Received::Whole(bytes, held)
}

/// Reads on without keeping, since a client that still writes hears no answer.
async fn drain<B>(mut body: std::pin::Pin<&mut B>, mut bytes: Vec<u8>) -> Vec<u8>
where
    B: http_body::Body<Data = Bytes>,
{
    bytes.truncate(BEGINNING);
    bytes.shrink_to_fit();
    let mut drained = 0;
    while let Some(Ok(frame)) = body.frame().await {
        let Ok(data) = frame.into_data() else {
            continue;
        };
        let room = BEGINNING - bytes.len();
        bytes.extend_from_slice(&data[..data.len().min(room)]);
        drained += data.len();
        if drained > DRAINED {
            break;
        }
    }
    bytes
}
