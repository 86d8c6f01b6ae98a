//! One fill, from reserving disk space to the stored file. It runs as its own task and
//! never waits for a reader.

use std::fmt::Display;
use std::io;
use std::sync::Arc;

use jiff::Timestamp;

use super::error::FetchError;
use super::fill_file::{FillFile, FillSink};
use super::fills::{Fill, FillGuard, FillState};
use super::remote::ContentKey;
use super::spans::SpanFill;
use super::store::Inner;
use super::upstream_content::{Opener, UpstreamContent};
use super::writer::GrowingFileWriter;
use crate::stream::GrowingFile;

impl Inner {
    /// Fills what `guard` stands for, asked for at `now`.
    pub(super) async fn fill(self: Arc<Self>, guard: FillGuard, open: Opener, now: Timestamp) {
        self.counters.fills.add(1);
        let mut place = self.prepare(guard.fill()).await;
        let filled = match &mut place {
            Some(place) => self.fill_place(place, &guard, open, now).await,
            None => Ok(None),
        };
        if let Ok(Some(_)) = &filled
            && let Some(place) = place.take()
        {
            self.keep(place, &guard).await;
        }
        let state = self.end_of(&guard, filled);
        // At once: nobody may join what broke off, while its file is being removed.
        guard.finish(state);
        if let Some(place) = place {
            discard(place).await;
        }
    }

    fn end_of(
        &self,
        guard: &FillGuard,
        filled: Result<Option<GrowingFile>, FetchError>,
    ) -> FillState {
        match filled {
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
        }
    }

    /// Fills the file from the remote tier, else from upstream. What the remote tier held
    /// wrong comes from upstream after all, unless readers have some of it already: they
    /// break off.
    async fn fill_place(
        self: &Arc<Self>,
        place: &mut FillFile,
        guard: &FillGuard,
        open: Opener,
        now: Timestamp,
    ) -> Result<Option<GrowingFile>, FetchError> {
        let Some(remote) = &self.remote else {
            return self.fill_from(place, guard, open, now).await;
        };
        let (key, fill) = (ContentKey::blob(guard.digest()), guard.fill().clone());
        let read = remote.read(key, fill.size(), now);
        let on_use = move |is_used| fill.set_from_remote(is_used);
        let first = read.before(open.clone(), on_use);
        match self.fill_from(place, guard, first, now).await {
            Err(FetchError::WrongDigest { .. } | FetchError::TooLong { .. }) if read.is_used() => {
                // From now on it is not read.
                read.suspect();
                if !guard.is_announced() {
                    read.was_wrong().await;
                    guard.fill().set_from_remote(false);
                    return self.fill_from(place, guard, open, now).await;
                }
                let remove = async move { read.was_wrong().await };
                self.tasks.spawn_isolated("remove a wrong object", remove);
                Err(FetchError::WrongRemote(guard.digest().clone()))
            }
            filled => {
                if let Ok(Some(_)) = &filled {
                    read.was_right();
                }
                filled
            }
        }
    }

    /// Fills the file and has it recorded. Its readers have all of it then.
    ///
    /// `None`: a write failed before any byte was read, so that all can still be served
    /// another way.
    async fn fill_from(
        self: &Arc<Self>,
        place: &mut FillFile,
        guard: &FillGuard,
        open: Opener,
        now: Timestamp,
    ) -> Result<Option<GrowingFile>, FetchError> {
        let size = guard.fill().size();
        let source = UpstreamContent::open(open.clone(), 0..size, size).await?;
        let file = place.temporary.file().clone();
        let (writer, growing) = GrowingFileWriter::new(file.clone(), size);
        let sink = FillSink::new(self, place, (guard, &growing));
        let hasher = self.records.hasher(guard.digest());
        guard.fill().set_of_both(hasher.is_of_both());
        // The remote tier is near: what comes from there is not asked for in parts.
        let may_ask_apart = || !guard.fill().is_from_remote();
        let fill = SpanFill::new(&open, size, &writer, sink);
        let filled = match fill.fill(source, hasher, may_ask_apart).await {
            // All can still be served another way.
            Err(FetchError::Storage(error)) if !guard.is_announced() => {
                self.cannot_write(&error);
                return Ok(None);
            }
            Err(FetchError::Storage(error)) => {
                self.write_fault.failed(&error);
                return Err(FetchError::Storage(error));
            }
            filled => filled?.finish(),
        };
        let filled = filled.verify(guard.digest())?;
        let filled = self.with_other_digest(filled, &file).await?;
        (self.records.on_verified)(filled, now)
            .await
            .map_err(FetchError::Unrecorded)?;
        writer.growing().complete();
        guard.announce(&growing);
        Ok(Some(growing))
    }

    async fn prepare(self: &Arc<Self>, fill: &Fill) -> Option<FillFile> {
        self.place(fill).await.unwrap_or_else(|error| {
            self.cannot_write(&error);
            None
        })
    }

    fn cannot_write(&self, error: &impl Display) {
        self.write_fault.failed(error);
        tracing::warn!(%error, "the cache cannot write; streaming without storing");
    }

    async fn place(self: &Arc<Self>, fill: &Fill) -> io::Result<Option<FillFile>> {
        let Some(room) = self.announce(fill.size(), fill.used()).await? else {
            return Ok(None);
        };
        let inner = self.clone();
        let create = move || {
            let temporary = inner.temporary.create()?;
            Ok(Some(FillFile { temporary, room }))
        };
        let place = tokio::task::spawn_blocking(create).await;
        place.map_err(io::Error::other).flatten()
    }

    /// Stores the file, unless a fill of another upstream did so meanwhile. Its readers have all of it already, so a failure here only means
    /// that it is fetched again later.
    async fn keep(self: &Arc<Self>, place: FillFile, guard: &FillGuard) {
        if self.blobs.contains(guard.digest()) {
            return discard(place).await;
        }
        let (inner, digest, used) = (self.clone(), guard.digest().clone(), guard.fill().used());
        let stored = tokio::task::spawn_blocking(move || {
            let FillFile { temporary, room } = place;
            let stored = inner.blobs.store(temporary, &digest, &used);
            drop(room);
            stored
        });
        if let Err(error) = stored.await.map_err(io::Error::other).flatten() {
            self.write_fault.failed(&error);
            tracing::warn!(blob.digest = %guard.digest(), %error, "a blob could not be kept");
            return;
        }
        self.write_fault.succeeded();
        self.share(ContentKey::blob(guard.digest()), guard.fill().used().now);
    }
}

/// Removing a large file takes long.
async fn discard(place: FillFile) {
    let _done = tokio::task::spawn_blocking(move || drop(place)).await;
}
