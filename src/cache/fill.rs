//! One fill, from asking for room to the shelf. It runs as a task of its own
//! and never waits for a reader.

use std::io;
use std::sync::Arc;

use jiff::Timestamp;

use super::error::FetchError;
use super::flights::{Flight, Stage};
use super::source::{Opener, Source};
use super::space::Reservation;
use super::store::Inner;
use super::temporary::Temporary;
use super::writer::Writer;
use crate::stream::{Growing, TAIL};

/// A file in the making and the room that is held for it.
struct Place {
    temporary: Temporary,
    _room: Reservation,
}

impl Inner {
    /// Fills what `flight` stands for, asked for at `now`.
    pub(super) async fn fill(self: Arc<Self>, flight: Flight, open: Opener, now: Timestamp) {
        self.counters.fills.add(1);
        let stage = match self.try_fill(&flight, open, now).await {
            Ok(Some(growing)) => Stage::Filled(growing),
            Ok(None) => Stage::Unstored,
            Err(error) => {
                self.counters.fills_failed.add(1);
                // Before that, those who wait are told, and tell.
                if flight.is_announced() {
                    tracing::warn!(blob.digest = %flight.digest(), %error, "a fill broke off");
                }
                Stage::Failed(error)
            }
        };
        flight.settle(stage);
    }

    /// `None`: there is no room.
    async fn try_fill(
        self: &Arc<Self>,
        flight: &Flight,
        open: Opener,
        now: Timestamp,
    ) -> Result<Option<Growing>, FetchError> {
        let Some(place) = self.prepare(flight.fill().size()).await else {
            return Ok(None);
        };
        let received = self.fill_place(&place, flight, open, now).await;
        match received {
            Ok(Some(_)) => self.keep(place, flight, now.as_second()).await,
            _ => discard(place).await,
        }
        received
    }

    /// Fills the file and has it recorded. Its readers have all of it then.
    async fn fill_place(
        &self,
        place: &Place,
        flight: &Flight,
        open: Opener,
        now: Timestamp,
    ) -> Result<Option<Growing>, FetchError> {
        let size = flight.fill().size();
        let mut source = Source::open(open, size).await?;
        let (writer, growing) = Writer::new(place.temporary.file().clone(), size);
        let Some(writer) = receive(&mut source, writer, &growing, flight).await? else {
            return Ok(None);
        };
        let (filled, grower) = writer.finish();
        let filled = filled.verify(flight.digest())?;
        (self.on_filled)(filled, now)
            .await
            .map_err(FetchError::Unrecorded)?;
        grower.complete();
        flight.announce(&growing);
        Ok(Some(growing))
    }

    async fn prepare(self: &Arc<Self>, size: u64) -> Option<Place> {
        self.place(size).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "the cache cannot write; streaming without storing");
            None
        })
    }

    async fn place(self: &Arc<Self>, size: u64) -> io::Result<Option<Place>> {
        let Some(_room) = self.make_room(size).await? else {
            return Ok(None);
        };
        let inner = self.clone();
        let create = move || {
            let temporary = inner.workbench.create(size)?;
            Ok(Some(Place { temporary, _room }))
        };
        let place = tokio::task::spawn_blocking(create).await;
        place.map_err(io::Error::other).flatten()
    }

    /// Puts the file on the shelf. Its readers have all of it already, so a
    /// failure here costs no more than another fill some day.
    async fn keep(self: &Arc<Self>, place: Place, flight: &Flight, pulled: i64) {
        let (inner, digest) = (self.clone(), flight.digest().clone());
        let shelved = tokio::task::spawn_blocking(move || {
            let Place { temporary, _room } = place;
            inner.blobs.shelve(temporary, &digest, pulled)
        });
        if let Err(error) = shelved.await.map_err(io::Error::other).flatten() {
            tracing::warn!(blob.digest = %flight.digest(), %error, "a blob could not be kept");
        }
    }
}

/// Removing a large file takes long.
async fn discard(place: Place) {
    let _done = tokio::task::spawn_blocking(move || drop(place)).await;
}

/// Takes all there is, and lets readers in once they may read something: a
/// short content that is wrong is an error, not a body cut short.
///
/// `None`: a write failed before that, so that all can still be served another
/// way.
async fn receive(
    source: &mut Source,
    mut writer: Writer,
    growing: &Growing,
    flight: &Flight,
) -> Result<Option<Writer>, FetchError> {
    loop {
        let pieces = source.next().await?;
        if pieces.is_empty() {
            return Ok(Some(writer));
        }
        writer = match writer.write(pieces).await {
            Ok(writer) => writer,
            Err(error) if flight.is_announced() => return Err(error.into()),
            Err(error) => {
                tracing::warn!(%error, "the cache cannot write; streaming without storing");
                return Ok(None);
            }
        };
        if growing.total() > TAIL {
            flight.announce(growing);
        }
    }
}
