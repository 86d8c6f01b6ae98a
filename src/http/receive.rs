//! Reading a whole request body: bounded, counted against what all bodies hold
//! together, and within a deadline.

use std::pin::{Pin, pin};
use std::time::Instant;

use bytes::Bytes;
use http_body_util::BodyExt;

use super::ReservedBytes;

/// How much of a refused body is read for its uid, in bytes.
const PREFIX_BYTES: usize = 64 << 10;
/// The most bytes of a refused body that are read and discarded, so that the client
/// receives the answer.
const MAX_DRAINED_BYTES: usize = 64 << 20;

/// The result of reading a body.
pub enum Received<'a> {
    /// All of it, and the room that it takes.
    Whole(Vec<u8>, ReservedBytes<'a>),
    /// More than the limit; this is how it begins.
    TooLong(Vec<u8>),
    /// There was no room for it; this is how it begins.
    NoRoom(Vec<u8>),
    /// It broke off, or took too long; this is how it begins.
    Incomplete(Vec<u8>),
}

/// Reads `body` up to `limit` bytes, as far as there is `room` for it.
pub async fn receive<B>(
    body: B,
    limit: usize,
    room: ReservedBytes<'_>,
    deadline: Instant,
) -> Received<'_>
where
    B: http_body::Body<Data = Bytes>,
{
    let mut receiving = Receiving {
        limit,
        room,
        bytes: Vec::new(),
        end: End::Incomplete,
    };
    let deadline = tokio::time::Instant::from_std(deadline);
    // What the deadline cuts short is reported from `end` as it is then.
    let _ = tokio::time::timeout_at(deadline, receiving.read(pin!(body))).await;
    receiving.ended()
}

/// The first 64 KiB of `body`, or what came of them by the deadline. The rest is read
/// and thrown away.
pub async fn beginning<B>(body: B, deadline: Instant) -> Vec<u8>
where
    B: http_body::Body<Data = Bytes>,
{
    let (mut bytes, deadline) = (Vec::new(), tokio::time::Instant::from_std(deadline));
    let _ = tokio::time::timeout_at(deadline, drain(pin!(body), &mut bytes)).await;
    bytes
}

enum End {
    Whole,
    TooLong,
    NoRoom,
    Incomplete,
}

struct Receiving<'a> {
    limit: usize,
    room: ReservedBytes<'a>,
    bytes: Vec<u8>,
    end: End,
}

impl<'a> Receiving<'a> {
    async fn read<B>(&mut self, mut body: Pin<&mut B>)
    where
        B: http_body::Body<Data = Bytes>,
    {
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else { return };
            let Ok(data) = frame.into_data() else {
                continue;
            };
            let fits = self.take_room(data.len());
            self.bytes.extend_from_slice(&data);
            if let Err(why) = fits {
                self.end = why;
                self.room.give_back();
                return drain(body, &mut self.bytes).await;
            }
        }
        self.end = End::Whole;
    }

    fn take_room(&mut self, more: usize) -> Result<(), End> {
        if self.bytes.len() + more > self.limit {
            return Err(End::TooLong);
        }
        match self.room.take(more) {
            true => Ok(()),
            false => Err(End::NoRoom),
        }
    }

    fn ended(mut self) -> Received<'a> {
        if let End::Whole = self.end {
            return Received::Whole(self.bytes, self.room);
        }
        self.bytes.truncate(PREFIX_BYTES);
        match self.end {
            End::TooLong => Received::TooLong(self.bytes),
            End::NoRoom => Received::NoRoom(self.bytes),
            End::Whole | End::Incomplete => Received::Incomplete(self.bytes),
        }
    }
}

/// Reads on without keeping more than the beginning, since a client that still writes
/// hears no answer.
async fn drain<B>(mut body: Pin<&mut B>, bytes: &mut Vec<u8>)
where
    B: http_body::Body<Data = Bytes>,
{
    bytes.truncate(PREFIX_BYTES);
    bytes.shrink_to_fit();
    let mut drained = 0;
    while let Some(Ok(frame)) = body.frame().await {
        let Ok(data) = frame.into_data() else {
            continue;
        };
        let room = PREFIX_BYTES - bytes.len();
        bytes.extend_from_slice(&data[..data.len().min(room)]);
        drained += data.len();
        if drained > MAX_DRAINED_BYTES {
            break;
        }
    }
}
