//! Reading a whole request body: bounded, counted against what all bodies hold
//! together, and within a deadline.

use std::future::pending;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use bytes::Bytes;
use http_body_util::BodyExt;

use super::{Pace, ReservedBytes};

/// Of a body that comes as slowly as its deadline allows.
const UNHURRIED_BYTES: usize = 64 << 10;
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

/// How long a body may be, and may take.
#[derive(Clone, Copy, Debug)]
pub struct ReceiveLimits {
    pub bytes: usize,
    pub deadline: Instant,
    /// What has to come in each window until then, of a body of over 64 KiB; `None`: as
    /// slowly as the client likes.
    pub pace: Option<Pace>,
}

/// Reads `body` within its limits, as far as there is `room` for it.
pub async fn receive<B>(body: B, limits: ReceiveLimits, room: ReservedBytes<'_>) -> Received<'_>
where
    B: http_body::Body<Data = Bytes>,
{
    let (body, came) = (pin!(body), AtomicUsize::new(0));
    let mut receiving = Receiving {
        limit: limits.bytes,
        room,
        bytes: Vec::new(),
        end: End::Incomplete,
    };
    let deadline = tokio::time::Instant::from_std(limits.deadline);
    // What is cut short is reported from `end` as it is then.
    tokio::select! {
        biased;
        () = receiving.read(body, &came) => {}
        () = stall(limits.pace, &came) => {}
        () = tokio::time::sleep_until(deadline) => {}
    }
    receiving.ended()
}

/// Ends once a window has passed in which too little `came`, of a body that holds memory
/// worth the haste: the last packet of a short one may have been lost on its way.
async fn stall(pace: Option<Pace>, came: &AtomicUsize) {
    let Some(pace) = pace else {
        return pending().await;
    };
    let minimum = usize::try_from(pace.minimum()).unwrap_or(usize::MAX);
    let mut before = 0;
    loop {
        tokio::time::sleep(pace.window).await;
        let now = came.load(Ordering::Relaxed);
        if now > UNHURRIED_BYTES && now - before < minimum {
            return;
        }
        before = now;
    }
}

/// The first 64 KiB of `body`, or what came of them by the deadline. The rest is read
/// and thrown away.
pub async fn beginning<B>(body: B, deadline: Instant) -> Vec<u8>
where
    B: http_body::Body<Data = Bytes>,
{
    let (mut bytes, deadline) = (Vec::new(), tokio::time::Instant::from_std(deadline));
    let came = AtomicUsize::new(0);
    let _ = tokio::time::timeout_at(deadline, drain(pin!(body), &mut bytes, &came)).await;
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
    async fn read<B>(&mut self, mut body: Pin<&mut B>, came: &AtomicUsize)
    where
        B: http_body::Body<Data = Bytes>,
    {
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else { return };
            let Ok(data) = frame.into_data() else {
                continue;
            };
            came.fetch_add(data.len(), Ordering::Relaxed);
            let fits = self.take_room(data.len());
            self.bytes.extend_from_slice(&data);
            if let Err(why) = fits {
                self.end = why;
                self.room.give_back();
                return drain(body, &mut self.bytes, came).await;
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
async fn drain<B>(mut body: Pin<&mut B>, bytes: &mut Vec<u8>, came: &AtomicUsize)
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
        came.fetch_add(data.len(), Ordering::Relaxed);
        let room = PREFIX_BYTES - bytes.len();
        bytes.extend_from_slice(&data[..data.len().min(room)]);
        drained += data.len();
        if drained > MAX_DRAINED_BYTES {
            break;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::stream::{StreamExt, iter, once, pending};

    use super::*;
    use crate::http::{Body, BodyBudget};

    const BRISK: Pace = Pace {
        minimum_rate: 100_000,
        window: Duration::from_millis(10),
    };

    /// So many pieces of 100 bytes, after which nothing comes, or the end.
    fn body(pieces: usize, ends: bool) -> Body {
        let came = iter((0..pieces).map(|_| Ok(Bytes::from_static(&[b'x'; 100]))));
        match ends {
            true => Body::stream(100 * pieces as u64, came),
            false => Body::stream(1 << 20, came.chain(pending())),
        }
    }

    fn limits(pace: Option<Pace>, patience: Duration) -> ReceiveLimits {
        ReceiveLimits {
            bytes: 1 << 20,
            deadline: Instant::now() + patience,
            pace,
        }
    }

    /// One that only waits for the deadline waits for an hour.
    #[tokio::test]
    async fn an_upload_that_stalls_ends_and_gives_its_room_back_whatever_its_deadline() {
        let room = BodyBudget::new(100_000, 100_000);
        let limits = limits(Some(BRISK), Duration::from_secs(3600));
        let received = receive(body(700, false), limits, room.enter(None)).await;
        assert!(matches!(received, Received::Incomplete(_)));
        assert!(room.enter(None).take(100_000), "its room is free again");
    }

    /// Its end comes five windows behind the rest.
    #[tokio::test]
    async fn a_short_body_may_come_as_late_as_its_deadline() {
        let room = BodyBudget::new(10_000, 10_000);
        for pieces in [0, 1, 90] {
            let begun = iter((0..pieces).map(|_| Ok(Bytes::from_static(&[b'x'; 100]))));
            let end = once(async {
                tokio::time::sleep(5 * BRISK.window).await;
                Ok(Bytes::from_static(b"x"))
            });
            let late = Body::stream(100 * pieces as u64 + 1, begun.chain(Box::pin(end)));
            let limits = limits(Some(BRISK), Duration::from_secs(3600));
            let received = receive(late, limits, room.enter(None)).await;
            assert!(
                matches!(received, Received::Whole(bytes, _) if bytes.len() == 100 * pieces + 1)
            );
        }
    }

    #[tokio::test]
    async fn a_body_that_comes_at_once_is_whole_whatever_its_pace() {
        let room = BodyBudget::new(1 << 20, 1 << 20);
        let limits = limits(Some(BRISK), Duration::from_secs(3600));
        let received = receive(body(3, true), limits, room.enter(None)).await;
        assert!(matches!(received, Received::Whole(bytes, _) if bytes.len() == 300));
    }

    #[tokio::test]
    async fn without_a_pace_only_the_deadline_ends_it() {
        let room = BodyBudget::new(1 << 20, 1 << 20);
        let limits = limits(None, Duration::from_millis(30));
        let received = receive(body(1, false), limits, room.enter(None)).await;
        assert!(matches!(received, Received::Incomplete(_)));
    }
}
