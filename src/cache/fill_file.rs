//! The file of a fill: the disk space that is reserved for it, and when its readers begin.

use std::sync::Arc;

use tokio::sync::Mutex;

use super::error::FetchError;
use super::fills::FillGuard;
use super::space::Reservation;
use super::store::Inner;
use super::temporary::TemporaryFile;
use crate::stream::{GrowingFile, WITHHELD_TAIL_BYTES};

/// Room is made for what came, and for as much again up to this many bytes: so it is
/// made seldom, and never for what a manifest only declares.
const MAX_ROOM_AHEAD: u64 = 4 * 1024 * 1024;

/// What comes from the remote tier and has no more bytes than this is sent when it is
/// verified: so, where it is wrong, the upstream's bytes can take its place unseen.
const HELD_OF_REMOTE: u64 = 4 * 1024 * 1024;

/// A temporary file and the disk space that is reserved for it.
pub(super) struct FillFile {
    pub(super) temporary: TemporaryFile,
    pub(super) room: Reservation,
}

/// What the requests of one fill tell of the bytes that they write.
pub(super) struct FillSink<'a> {
    inner: &'a Arc<Inner>,
    /// One after the other makes room.
    place: Mutex<&'a mut FillFile>,
    guard: &'a FillGuard,
    growing: &'a GrowingFile,
}

impl<'a> FillSink<'a> {
    pub(super) fn new(
        inner: &'a Arc<Inner>,
        place: &'a mut FillFile,
        (guard, growing): (&'a FillGuard, &'a GrowingFile),
    ) -> Self {
        Self {
            inner,
            place: Mutex::new(place),
            guard,
            growing,
        }
    }

    /// Reserves disk space for `received` bytes, if there is none yet.
    pub(super) async fn make_room(&self, received: u64) -> Result<(), FetchError> {
        let mut place = self.place.lock().await;
        let (fill, reserved) = (self.guard.fill(), place.room.reserved());
        if received <= reserved {
            return Ok(());
        }
        let ahead = received.min(MAX_ROOM_AHEAD);
        let wanted = received.saturating_add(ahead).min(fill.size());
        let more = place.room.of_the_same(wanted - reserved);
        let room = self.inner.make_room(more, fill.used()).await?;
        place.room.absorb(room);
        Ok(place.temporary.set_aside(wanted).await?)
    }

    /// Lets readers start once bytes may be read. Short content that is wrong is an error
    /// before any byte is sent.
    pub(super) fn written(&self) {
        let held_back = match self.guard.fill().is_from_remote() {
            true => HELD_OF_REMOTE,
            false => WITHHELD_TAIL_BYTES,
        };
        if self.growing.total() > held_back {
            self.guard.announce(self.growing);
        }
    }
}
