//! Single flight: concurrent callers with the same key share one call.
//!
//! Every caller polls the same future, so there is no leading caller on whom the others
//! depend: the future runs as long as anyone waits for it, and all callers get its one
//! outcome.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared, WeakShared};
use tracing::Instrument;

type Running<V> = BoxFuture<'static, V>;

/// Flights under way, by what they fetch.
pub struct SingleFlight<K: Eq + Hash, V: Clone> {
    running: Mutex<HashMap<K, WeakShared<Running<V>>>>,
}

impl<K: Eq + Hash, V: Clone> Default for SingleFlight<K, V> {
    fn default() -> Self {
        let running = Mutex::new(HashMap::new());
        Self { running }
    }
}

impl<K: Clone + Eq + Hash, V: Clone> SingleFlight<K, V> {
    /// Waits for the flight of `key`, which `start` begins if none is under way.
    pub async fn join<F>(&self, key: &K, start: impl FnOnce() -> F) -> V
    where
        F: Future<Output = V> + Send + 'static,
    {
        let waiter = Waiter {
            flights: self,
            key,
            flight: Some(self.join_or_start(key, start)),
        };
        waiter.wait().await
    }

    /// Whether a flight of `key` is on its way.
    pub fn is_under_way(&self, key: &K) -> bool {
        let flight = self.lock().get(key).and_then(WeakShared::upgrade);
        flight.is_some_and(|flight| flight.peek().is_none())
    }

    fn join_or_start<F>(&self, key: &K, start: impl FnOnce() -> F) -> Shared<Running<V>>
    where
        F: Future<Output = V> + Send + 'static,
    {
        let mut running = self.lock();
        let under_way = running.get(key).and_then(WeakShared::upgrade);
        // One that has landed answered an earlier question.
        if let Some(flight) = under_way.filter(|flight| flight.peek().is_none()) {
            return flight;
        }
        // Whoever polls it, it belongs to who began it.
        let flight = start().in_current_span().boxed().shared();
        if let Some(weak) = flight.downgrade() {
            running.insert(key.clone(), weak);
        }
        flight
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, WeakShared<Running<V>>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One caller that waits; the last one to leave removes the entry.
struct Waiter<'a, K: Clone + Eq + Hash, V: Clone> {
    flights: &'a SingleFlight<K, V>,
    key: &'a K,
    flight: Option<Shared<Running<V>>>,
}

impl<K: Clone + Eq + Hash, V: Clone> Waiter<'_, K, V> {
    async fn wait(&self) -> V {
        match &self.flight {
            Some(flight) => flight.clone().await,
            None => std::future::pending().await,
        }
    }
}

impl<K: Clone + Eq + Hash, V: Clone> Drop for Waiter<'_, K, V> {
    fn drop(&mut self) {
        let mut running = self.flights.lock();
        drop(self.flight.take());
        let over = running
            .get(self.key)
            .is_some_and(|weak| weak.upgrade().is_none());
        if over {
            running.remove(self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use tokio::sync::oneshot;

    #[tokio::test]
    async fn shares_one_flight() {
        let (flights, started) = (SingleFlight::default(), AtomicU32::new(0));
        let (send, receive) = oneshot::channel::<u32>();
        let receive = receive.shared();
        let join = || {
            flights.join(&"key", || {
                started.fetch_add(1, Ordering::Relaxed);
                let receive = receive.clone();
                async move { receive.await.unwrap() }
            })
        };
        let land = async { send.send(7).unwrap() };
        let (one, other, ()) = tokio::join!(join(), join(), land);
        assert_eq!((one, other, started.load(Ordering::Relaxed)), (7, 7, 1));
        assert!(flights.lock().is_empty());
    }

    #[tokio::test]
    async fn goes_on_when_its_first_caller_leaves() {
        let flights = Arc::new(SingleFlight::default());
        let (send, receive) = oneshot::channel::<u32>();
        let mut first = Box::pin(flights.join(&1, || async { receive.await.unwrap() }));
        assert!((&mut first).now_or_never().is_none());
        let mut second = Box::pin(flights.join(&1, || async { panic!("a second flight") }));
        assert!((&mut second).now_or_never().is_none());
        drop(first);
        send.send(7).unwrap();
        assert_eq!(second.await, 7);
    }

    #[tokio::test]
    async fn forgets_a_flight_that_everyone_left() {
        let flights = SingleFlight::default();
        let mut left = Box::pin(flights.join(&1, std::future::pending::<u32>));
        assert!((&mut left).now_or_never().is_none());
        drop(left);
        assert!(flights.lock().is_empty());
        assert_eq!(flights.join(&1, || async { 2 }).await, 2);
    }
}
