//! One flight for any number of askers, which outlives each of them.

use std::future::Future;
use std::hash::Hash;
use std::sync::Arc;

use dashmap::DashMap;
use tokio::sync::watch;

use crate::tasks::Tasks;

/// Flights under way, by what they fetch. A flight is a task of its own, so an
/// asker that goes away neither stops it nor leaves the others waiting.
pub(super) struct Flights<K, V> {
    under_way: Arc<DashMap<K, watch::Receiver<Option<V>>>>,
    tasks: Tasks,
}

impl<K, V> Flights<K, V>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    pub(super) fn new(tasks: Tasks) -> Self {
        Self {
            under_way: Arc::default(),
            tasks,
        }
    }

    /// Joins the flight for `key`, or starts it. `None`: it was stopped before
    /// it landed.
    pub(super) async fn join<F>(&self, key: K, start: impl FnOnce() -> F) -> Option<V>
    where
        F: Future<Output = V> + Send + 'static,
    {
        let mut landing = self.landing(key, start);
        let landed = landing.wait_for(Option::is_some).await.ok()?;
        landed.clone()
    }

    fn landing<F>(&self, key: K, start: impl FnOnce() -> F) -> watch::Receiver<Option<V>>
    where
        F: Future<Output = V> + Send + 'static,
    {
        let entry = match self.under_way.entry(key.clone()) {
            dashmap::Entry::Occupied(flight) => return flight.get().clone(),
            dashmap::Entry::Vacant(entry) => entry,
        };
        let (land, landing) = watch::channel(None);
        entry.insert(landing.clone());
        let over = Over {
            key,
            under_way: self.under_way.clone(),
        };
        let flight = start();
        self.tasks.spawn_isolated("flight", async move {
            let value = flight.await;
            drop(over);
            let _ = land.send(Some(value));
        });
        landing
    }
}

/// Takes a flight off the list, however it ends.
struct Over<K: Eq + Hash, V> {
    key: K,
    under_way: Arc<DashMap<K, watch::Receiver<Option<V>>>>,
}

impl<K: Eq + Hash, V> Drop for Over<K, V> {
    fn drop(&mut self) {
        self.under_way.remove(&self.key);
    }
}
