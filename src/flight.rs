//! One flight for many callers.
//!
//! Every caller polls the same future, so there is no leader whose death the
//! others would have to notice: a flight lasts as long as anybody waits for it,
//! and all of them get its one outcome.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared, WeakShared};

type Running<V> = BoxFuture<'static, V>;

/// Flights under way, by what they fetch.
pub struct Flights<K: Eq + Hash, V: Clone> {
    running: Mutex<HashMap<K, WeakShared<Running<V>>>>,
}

impl<K: Eq + Hash, V: Clone> Default for Flights<K, V> {
    fn default() -> Self {
        let running = Mutex::new(HashMap::new());
        Self { running }
    }
}

impl<K: Clone + Eq + Hash, V: Clone> Flights<K, V> {
    /// Waits for the flight of `key`, which `start` begins if none is under way.
    pub async fn join<F>(&self, key: &K, start: impl FnOnce() -> F) -> V
    where
        F: Future<Output = V> + Send + 'static,
    {
        let seat = Seat {
            flights: self,
            key,
            flight: Some(self.board(key, start)),
        };
        seat.wait().await
    }

    /// Whether a flight of `key` is on its way.
    pub fn is_under_way(&self, key: &K) -> bool {
        let flight = self.lock().get(key).and_then(WeakShared::upgrade);
        flight.is_some_and(|flight| flight.peek().is_none())
    }

    fn board<F>(&self, key: &K, start: impl FnOnce() -> F) -> Shared<Running<V>>
    where
        F: Future<Output = V> + Send + 'static,
    {
        let mut running = self.lock();
        let under_way = running.get(key).and_then(WeakShared::upgrade);
        // One that has landed answered an earlier question.
        if let Some(flight) = under_way.filter(|flight| flight.peek().is_none()) {
            return flight;
        }
        let flight = start().boxed().shared();
        if let Some(weak) = flight.downgrade() {
            running.insert(key.clone(), weak);
        }
        flight
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, WeakShared<Running<V>>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One caller's hold on a flight; the last to leave clears the entry.
struct Seat<'a, K: Clone + Eq + Hash, V: Clone> {
    flights: &'a Flights<K, V>,
    key: &'a K,
    flight: Option<Shared<Running<V>>>,
}

impl<K: Clone + Eq + Hash, V: Clone> Seat<'_, K, V> {
    async fn wait(&self) -> V {
        match &self.flight {
            Some(flight) => flight.clone().await,
            None => std::future::pending().await,
        }
    }
}

impl<K: Clone + Eq + Hash, V: Clone> Drop for Seat<'_, K, V> {
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
        let (flights, started) = (Flights::default(), AtomicU32::new(0));
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
        let flights = Arc::new(Flights::default());
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
        let flights = Flights::default();
        let mut left = Box::pin(flights.join(&1, std::future::pending::<u32>));
        assert!((&mut left).now_or_never().is_none());
        drop(left);
        assert!(flights.lock().is_empty());
        assert_eq!(flights.join(&1, || async { 2 }).await, 2);
    }
}
