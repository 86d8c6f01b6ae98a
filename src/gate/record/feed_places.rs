//! Who follows the decisions: so many at once, and of these so many under one name.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::metrics::Metrics;

/// Readers at once.
const MAX_READERS: usize = 256;
/// Of these, the readers under one name.
const MAX_READERS_PER_NAME: usize = 64;

pub(super) struct FeedPlaces {
    taken: Mutex<HashMap<Box<str>, usize>>,
    metrics: Metrics,
}

/// The place of one reader; free again when it is dropped.
pub(super) struct FeedPlace {
    name: Box<str>,
    places: Arc<FeedPlaces>,
}

impl FeedPlaces {
    pub(super) fn new(metrics: Metrics) -> Self {
        Self {
            taken: Mutex::default(),
            metrics,
        }
    }

    /// `None`: there is none left.
    pub(super) fn take(self: &Arc<Self>, name: &str) -> Option<FeedPlace> {
        let mut taken = self.taken();
        let all: usize = taken.values().sum();
        let own = taken.get(name).copied().unwrap_or_default();
        if all >= MAX_READERS || own >= MAX_READERS_PER_NAME {
            return None;
        }
        taken.insert(name.into(), own + 1);
        self.metrics.watch.feed_readers.inc();
        Some(FeedPlace {
            name: name.into(),
            places: self.clone(),
        })
    }

    pub(super) fn count_dropped(&self) {
        self.metrics.watch.feed_readers_dropped.inc();
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<Box<str>, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for FeedPlace {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        if let Some(own) = taken.get_mut(&self.name) {
            *own -= 1;
        }
        taken.retain(|_, own| *own > 0);
        self.places.metrics.watch.feed_readers.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_name_leaves_places_to_others_and_gives_its_own_back() {
        let places = Arc::new(FeedPlaces::new(Metrics::new()));
        let mut held = Vec::new();
        while let Some(place) = places.take("one") {
            held.push(place);
        }
        assert_eq!(held.len(), MAX_READERS_PER_NAME);
        for name in ["two", "three", "four", "five"] {
            held.extend((0..MAX_READERS_PER_NAME).filter_map(|_| places.take(name)));
        }
        assert_eq!(held.len(), MAX_READERS);
        assert!(places.take("six").is_none());
        held.clear();
        assert!(places.taken().is_empty() && places.take("one").is_some());
    }
}
