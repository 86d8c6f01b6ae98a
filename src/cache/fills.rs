//! Single flight: for each content of an upstream at most one fill runs, and it
//! belongs to none of those who wait for it.
//!
//! Upstreams share no fill: what one of them does not send, sends slowly or sends
//! wrong says nothing of another. Repositories of one upstream share it while it
//! goes well; what one of them was refused, another asks for itself.
//!
//! A fill is a task from its first moment, so there is no leading client that
//! could take it along when it goes. A follower can only wait; if it gives up,
//! nothing changes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dashmap::{DashMap, Entry};
use tokio::sync::watch;

use super::blob_request::BlobRequest;
use super::error::FetchError;
use super::file_store::FileStore;
use super::holder::ContentUse;
use crate::oci::{Digest, RegistryHost, Repository, RepositoryName};
use crate::stream::GrowingFile;

/// Whose content a fill fetches. A size that is declared wrongly holds nobody up
/// who declares the right one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct FillKey {
    upstream: RegistryHost,
    /// `None`: it serves every repository of the upstream.
    only: Option<RepositoryName>,
    digest: Digest,
    /// As the manifest declares it, in bytes.
    size: u64,
}

impl FillKey {
    /// A fill for every repository of the upstream.
    pub(super) fn shared(request: &BlobRequest) -> Self {
        Self {
            upstream: request.source.host().clone(),
            only: None,
            digest: request.digest.clone(),
            size: request.size,
        }
    }

    /// A fill for the repository of the request alone.
    pub(super) fn own(request: &BlobRequest) -> Self {
        Self {
            only: Some(request.source.name().clone()),
            ..Self::shared(request)
        }
    }
}

/// The state of a fill.
#[derive(Clone)]
pub(super) enum FillState {
    /// No byte has come yet.
    Opening,
    /// Bytes come; readers may follow.
    Growing(GrowingFile),
    /// Verified. Stored too, unless the disk failed at the last moment.
    Filled(GrowingFile),
    /// There is no disk space: every client streams uncached.
    Unstored,
    Failed(FetchError),
}

/// A fill, as its followers see it.
pub(super) struct Fill {
    size: u64,
    /// The repository that it asks.
    source: Repository,
    /// Its bytes come from the remote tier.
    from_remote: AtomicBool,
    /// It is hashed under both algorithms.
    of_both: AtomicBool,
    /// For whom the file will be kept: of those who wait, one who was admitted.
    used: Mutex<ContentUse>,
    state: watch::Sender<FillState>,
}

impl Fill {
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    pub(super) fn source(&self) -> &Repository {
        &self.source
    }

    pub(super) fn is_from_remote(&self) -> bool {
        self.from_remote.load(Ordering::Relaxed)
    }

    pub(super) fn set_from_remote(&self, is: bool) {
        self.from_remote.store(is, Ordering::Relaxed);
    }

    pub(super) fn is_of_both(&self) -> bool {
        self.of_both.load(Ordering::Acquire)
    }

    pub(super) fn set_of_both(&self, is: bool) {
        self.of_both.store(is, Ordering::Release);
    }

    /// For whom the file is stored, by what is known now.
    pub(super) fn used(&self) -> ContentUse {
        self.lock().clone()
    }

    fn hold(&self, used: &ContentUse) {
        let mut own = self.lock();
        if used.holder.takes_over(Some(&own.holder)) {
            *own = used.clone();
        }
    }

    fn lock(&self) -> MutexGuard<'_, ContentUse> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the first bytes, or for the end.
    pub(super) async fn started(&self) -> FillState {
        self.wait(|state| !matches!(state, FillState::Opening))
            .await
    }

    pub(super) async fn ended(&self) -> FillState {
        self.wait(|state| !matches!(state, FillState::Opening | FillState::Growing(_)))
            .await
    }

    /// Whether its bytes can be read.
    fn is_growing(&self) -> bool {
        matches!(
            *self.state.borrow(),
            FillState::Growing(_) | FillState::Filled(_)
        )
    }

    async fn wait(&self, reached: impl FnMut(&FillState) -> bool) -> FillState {
        let mut stages = self.state.subscribe();
        match stages.wait_for(reached).await {
            Ok(state) => state.clone(),
            Err(_) => FillState::Failed(FetchError::Interrupted),
        }
    }
}

type Running = Arc<DashMap<FillKey, Arc<Fill>>>;

/// The fills that run now.
#[derive(Default)]
pub(super) struct Fills {
    running: Running,
}

pub(super) enum Joined {
    /// It was stored meanwhile.
    Stored,
    Following(Arc<Fill>),
    /// There was none; the caller must start it.
    Leading(FillGuard),
}

impl Fills {
    /// Whether bytes of it are coming.
    pub(super) fn is_growing(&self, key: &FillKey) -> bool {
        let fill = self.running.get(key);
        fill.is_some_and(|fill| fill.is_growing())
    }

    /// Finds the fill of `key` or makes it, to ask the repository of `request`. A fill is
    /// removed from this map only after its file is stored, so nothing is fetched twice.
    pub(super) fn join(&self, key: &FillKey, request: &BlobRequest, store: &FileStore) -> Joined {
        match self.running.entry(key.clone()) {
            Entry::Occupied(running) => {
                running.get().hold(&request.used);
                Joined::Following(running.get().clone())
            }
            Entry::Vacant(_) if store.contains(&key.digest) => Joined::Stored,
            Entry::Vacant(vacant) => {
                let fill = Arc::new(Fill {
                    size: key.size,
                    source: request.source.clone(),
                    from_remote: AtomicBool::new(false),
                    of_both: AtomicBool::new(false),
                    used: Mutex::new(request.used.clone()),
                    state: watch::Sender::new(FillState::Opening),
                });
                vacant.insert(fill.clone());
                Joined::Leading(FillGuard {
                    running: self.running.clone(),
                    key: key.clone(),
                    fill,
                    last: FillState::Failed(FetchError::Interrupted),
                })
            }
        }
    }
}

/// Ends the fill when dropped, in whatever way, and wakes everyone who waits for it.
pub(super) struct FillGuard {
    running: Running,
    key: FillKey,
    fill: Arc<Fill>,
    last: FillState,
}

impl FillGuard {
    pub(super) fn digest(&self) -> &Digest {
        &self.key.digest
    }

    pub(super) fn fill(&self) -> &Arc<Fill> {
        &self.fill
    }

    /// Lets readers start.
    pub(super) fn announce(&self, growing: &GrowingFile) {
        self.fill.state.send_if_modified(|state| {
            let opening = matches!(state, FillState::Opening);
            if opening {
                *state = FillState::Growing(growing.clone());
            }
            opening
        });
    }

    pub(super) fn is_announced(&self) -> bool {
        !matches!(*self.fill.state.borrow(), FillState::Opening)
    }

    /// Ends the fill.
    pub(super) fn finish(mut self, state: FillState) {
        self.last = state;
    }
}

impl Drop for FillGuard {
    fn drop(&mut self) {
        self.running.remove(&self.key);
        let last = std::mem::replace(&mut self.last, FillState::Opening);
        self.fill.state.send_replace(last);
    }
}
