//! One reader of the live feed: first what it missed, from the ledger, then what comes.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use super::feed::{DecisionFeed, FedDecision, FeedError, FeedStart, PAGE, in_brief};
use super::feed_places::FeedPlace;
use crate::ledger::PlacedDecision;

/// Reads decisions in the order of their writing, each once.
pub struct FeedReader {
    feed: Arc<DecisionFeed>,
    live: broadcast::Receiver<FedDecision>,
    /// Up to here it has all that it asked for.
    position: u64,
    skipped: u64,
    /// What was read of the ledger, and not given yet.
    page: VecDeque<PlacedDecision>,
    /// The ledger has more that it missed.
    is_behind: bool,
    _place: FeedPlace,
}

impl FeedReader {
    /// A reader under the name of who asks.
    ///
    /// # Errors
    /// [`FeedError`] where there is no place for one, the ledger cannot be read, or the
    /// program stops.
    pub async fn open(
        feed: &Arc<DecisionFeed>,
        name: &str,
        start: FeedStart,
    ) -> Result<Self, FeedError> {
        let place = feed.take_place(name)?;
        let live = feed.listen()?;
        let (position, skipped) = feed.begin(start).await?;
        Ok(Self {
            feed: feed.clone(),
            live,
            position,
            skipped,
            page: VecDeque::new(),
            is_behind: true,
            _place: place,
        })
    }

    /// How many it is not told of, since it was away for too long.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// The position to come back behind.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The next decision, when there is one. May be given up and called again.
    ///
    /// # Errors
    /// [`FeedError`]: there will be no other.
    pub async fn next(&mut self) -> Result<FedDecision, FeedError> {
        loop {
            if let Some(placed) = self.page.pop_front() {
                self.position = placed.position;
                return Ok(FedDecision {
                    position: Some(placed.position),
                    decision: Arc::new(in_brief(placed.decision)),
                });
            }
            if self.is_behind {
                self.read_page().await?;
            } else if let Some(told) = self.hear().await? {
                return Ok(told);
            }
        }
    }

    /// Listens before it reads, so that nothing falls between the two.
    async fn read_page(&mut self) -> Result<(), FeedError> {
        let live = self.feed.listen()?;
        let page = self.feed.behind(self.position).await?;
        self.is_behind = page.len() == PAGE as usize;
        self.page.extend(page);
        self.live = live;
        Ok(())
    }

    /// `None`: it has that one.
    async fn hear(&mut self) -> Result<Option<FedDecision>, FeedError> {
        match self.live.recv().await {
            Ok(told) if told.position.is_some_and(|it| it <= self.position) => Ok(None),
            Ok(told) => {
                self.position = told.position.unwrap_or(self.position);
                Ok(Some(told))
            }
            Err(RecvError::Lagged(missed)) => {
                self.feed.count_dropped();
                Err(FeedError::TooSlow(missed))
            }
            Err(RecvError::Closed) => Err(FeedError::Closed),
        }
    }
}
