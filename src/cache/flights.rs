//! Single flight: for each digest at most one fill runs, and it belongs to
//! none of those who wait for it.
//!
//! A fill is a task from its first moment, so there is no leading client that
//! could take it along when it goes. A follower can only wait; if it gives up,
//! nothing changes.

use std::sync::Arc;

use dashmap::{DashMap, Entry};
use tokio::sync::watch;

use super::error::FetchError;
use super::shelf::Shelf;
use crate::oci::Digest;
use crate::stream::Growing;

/// How far a fill is.
#[derive(Clone)]
pub(super) enum Stage {
    /// No byte has come yet.
    Opening,
    /// Bytes come; readers may follow.
    Growing(Growing),
    /// Verified. Stored too, unless the disk failed at the last moment.
    Filled(Growing),
    /// There is no room for it: everyone streams for themselves.
    Unstored,
    Failed(FetchError),
}

/// A fill as those who wait for it see it.
pub(super) struct Fill {
    size: u64,
    stage: watch::Sender<Stage>,
}

impl Fill {
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Waits for the first bytes, or for the end.
    pub(super) async fn started(&self) -> Stage {
        self.wait(|stage| !matches!(stage, Stage::Opening)).await
    }

    pub(super) async fn ended(&self) -> Stage {
        self.wait(|stage| !matches!(stage, Stage::Opening | Stage::Growing(_)))
            .await
    }

    /// Whether its bytes can be read.
    fn is_growing(&self) -> bool {
        matches!(*self.stage.borrow(), Stage::Growing(_) | Stage::Filled(_))
    }

    async fn wait(&self, reached: impl FnMut(&Stage) -> bool) -> Stage {
        let mut stages = self.stage.subscribe();
        match stages.wait_for(reached).await {
            Ok(stage) => stage.clone(),
            Err(_) => Stage::Failed(FetchError::Interrupted),
        }
    }
}

type Running = Arc<DashMap<Digest, Arc<Fill>>>;

/// The fills that run now.
#[derive(Default)]
pub(super) struct Flights {
    running: Running,
}

pub(super) enum Joined {
    /// It was stored meanwhile.
    Stored,
    Following(Arc<Fill>),
    /// There was none; the caller must start it.
    Leading(Flight),
}

impl Flights {
    /// Whether bytes of `digest` are coming.
    pub(super) fn is_growing(&self, digest: &Digest) -> bool {
        let fill = self.running.get(digest);
        fill.is_some_and(|fill| fill.is_growing())
    }

    /// Finds the fill of `digest` or makes it. A fill leaves this map only
    /// after its file is on the shelf, so nothing is fetched twice.
    pub(super) fn join(&self, digest: &Digest, size: u64, shelf: &Shelf) -> Joined {
        match self.running.entry(digest.clone()) {
            Entry::Occupied(running) => Joined::Following(running.get().clone()),
            Entry::Vacant(_) if shelf.contains(digest) => Joined::Stored,
            Entry::Vacant(vacant) => {
                let stage = watch::Sender::new(Stage::Opening);
                let fill = Arc::new(Fill { size, stage });
                vacant.insert(fill.clone());
                Joined::Leading(Flight {
                    running: self.running.clone(),
                    digest: digest.clone(),
                    fill,
                    last: Stage::Failed(FetchError::Interrupted),
                })
            }
        }
    }
}

/// The duty to end a fill. Dropped in any way, it wakes everyone who waits.
pub(super) struct Flight {
    running: Running,
    digest: Digest,
    fill: Arc<Fill>,
    last: Stage,
}

impl Flight {
    pub(super) fn digest(&self) -> &Digest {
        &self.digest
    }

    pub(super) fn fill(&self) -> &Arc<Fill> {
        &self.fill
    }

    /// Lets the readers in, once there is something to read.
    pub(super) fn announce(&self, growing: &Growing) {
        self.fill.stage.send_if_modified(|stage| {
            let opening = matches!(stage, Stage::Opening);
            if opening {
                *stage = Stage::Growing(growing.clone());
            }
            opening
        });
    }

    pub(super) fn is_announced(&self) -> bool {
        !matches!(*self.fill.stage.borrow(), Stage::Opening)
    }

    /// Ends the fill.
    pub(super) fn settle(mut self, stage: Stage) {
        self.last = stage;
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.running.remove(&self.digest);
        let last = std::mem::replace(&mut self.last, Stage::Opening);
        self.fill.stage.send_replace(last);
    }
}
