//! One fill, from reserving disk space to the stored file. It runs as its own task and
//! never waits for a reader.

use std::io;
use std::sync::Arc;

use jiff::Timestamp;

use super::error::FetchError;
use super::fills::{FillGuard, FillState};
use super::space::Reservation;
use super::store::Inner;
use super::temporary::TemporaryFile;
use super::upstream_content::{Opener, UpstreamContent};
use super::writer::GrowingFileWriter;
use crate::stream::{GrowingFile, WITHHELD_TAIL_BYTES};

/// A temporary file and the disk space that is reserved for it.
struct FillFile {
    temporary: TemporaryFile,
    _room: Reservation,
}

impl Inner {
    /// Fills what `flight` stands for, asked for at `now`.
    pub(super) async fn fill(self: Arc<Self>, guard: FillGuard, open: Opener, now: Timestamp) {
        self.counters.fills.add(1);
        let state = match self.try_fill(&guard, open, now).await {
            Ok(Some(growing)) => FillState::Filled(growing),
            Ok(None) => FillState::Unstored,
            Err(error) => {
                self.counters.fills_failed.add(1);
                // Followers that wait get the error; those that read already get it from
                // the stream.
                if guard.is_announced() {
                    tracing::warn!(
                        blob.digest = %guard.digest(),
                        blob.repository = %guard.fill().source(),
                        %error,
                        "a fill broke off"
                    );
                }
                FillState::Failed(error)
            }
        };
        guard.finish(state);
    }

    /// `None`: there is no room.
    async fn try_fill(
        self: &Arc<Self>,
        guard: &FillGuard,
        open: Opener,
        now: Timestamp,
    ) -> Result<Option<GrowingFile>, FetchError> {
        let Some(place) = self.prepare(guard.fill().size()).await else {
            return Ok(None);
        };
        let received = self.fill_place(&place, guard, open, now).await;
        match received {
            Ok(Some(_)) => self.keep(place, guard, now.as_second()).await,
            _ => discard(place).await,
        }
        received
    }

    /// Fills the file and has it recorded. Its readers have all of it then.
    async fn fill_place(
        &self,
        place: &FillFile,
        guard: &FillGuard,
        open: Opener,
        now: Timestamp,
    ) -> Result<Option<GrowingFile>, FetchError> {
        let size = guard.fill().size();
        let mut source = UpstreamContent::open(open, size).await?;
        let (writer, growing) = GrowingFileWriter::new(place.temporary.file().clone(), size);
        let Some(writer) = receive(&mut source, writer, &growing, guard).await? else {
            return Ok(None);
        };
        let (filled, writer_end) = writer.finish();
        let filled = filled.verify(guard.digest())?;
        (self.on_verified)(filled, now)
            .await
            .map_err(FetchError::Unrecorded)?;
        writer_end.complete();
        guard.announce(&growing);
        Ok(Some(growing))
    }

    async fn prepare(self: &Arc<Self>, size: u64) -> Option<FillFile> {
        self.place(size).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "the cache cannot write; streaming without storing");
            None
        })
    }

    async fn place(self: &Arc<Self>, size: u64) -> io::Result<Option<FillFile>> {
        let Some(_room) = self.make_room(size).await? else {
            return Ok(None);
        };
        let inner = self.clone();
        let create = move || {
            let temporary = inner.temporary.create(size)?;
            Ok(Some(FillFile { temporary, _room }))
        };
        let place = tokio::task::spawn_blocking(create).await;
        place.map_err(io::Error::other).flatten()
    }

    /// Stores the file, unless a fill of another upstream did so meanwhile. Its readers have all of it already, so a failure here only means
    /// that it is fetched again later.
    async fn keep(self: &Arc<Self>, place: FillFile, guard: &FillGuard, pulled: i64) {
        if self.blobs.contains(guard.digest()) {
            return discard(place).await;
        }
        let (inner, digest) = (self.clone(), guard.digest().clone());
        let stored = tokio::task::spawn_blocking(move || {
            let FillFile { temporary, _room } = place;
            inner.blobs.store(temporary, &digest, pulled)
        });
        if let Err(error) = stored.await.map_err(io::Error::other).flatten() {
            tracing::warn!(blob.digest = %guard.digest(), %error, "a blob could not be kept");
        }
    }
}

/// Removing a large file takes long.
async fn discard(place: FillFile) {
    let _done = tokio::task::spawn_blocking(move || drop(place)).await;
}

/// Receives the content, and lets readers start once bytes may be read. Short content
/// that is wrong is an error before any byte is sent.
///
/// `None`: a write failed before that, so that all can still be served another
/// way.
async fn receive(
    source: &mut UpstreamContent,
    mut writer: GrowingFileWriter,
    growing: &GrowingFile,
    guard: &FillGuard,
) -> Result<Option<GrowingFileWriter>, FetchError> {
    loop {
        let pieces = source.next().await?;
        if pieces.is_empty() {
            return Ok(Some(writer));
        }
        writer = match writer.write(pieces).await {
            Ok(writer) => writer,
            Err(error) if guard.is_announced() => return Err(error.into()),
            Err(error) => {
                tracing::warn!(%error, "the cache cannot write; streaming without storing");
                return Ok(None);
            }
        };
        if growing.total() > WITHHELD_TAIL_BYTES {
            guard.announce(growing);
        }
    }
}
