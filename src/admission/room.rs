//! The room that reviews take: images that are judged at once, and bodies that are held. API
//! servers that showed a certificate have room that nobody else can take.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

use super::deadline::MAX_TIMEOUT;
use crate::http::{BodyBudget, client_network};
use crate::tasks::HeavyWork;

/// Images judged at once; further ones wait until their deadline. Far more than are
/// worked on: most of them would wait for an upstream that hangs.
const MAX_IMAGES: usize = 8192;
/// Bodies held in memory at once, in bytes; read, each takes some times its length.
const MAX_BODIES_BYTES: usize = 128 << 20;
/// As much of that as one client takes: some thousand reviews of usual size.
const MAX_BODIES_BYTES_PER_CLIENT: usize = 32 << 20;
/// Where nobody can show a certificate, anyone who reaches the address is taken for an API
/// server. One address then has a quarter of the images, as it has of the bodies.
const MAX_IMAGES_PER_ADDRESS: usize = MAX_IMAGES / 4;

/// Of those without a certificate where one is asked for. Self-tests, which need next to
/// nothing, are all that has to be answered.
const MAX_STRANGERS_IMAGES: usize = 64;
const MAX_STRANGERS_IMAGES_PER_ADDRESS: usize = 16;
/// Two of the longest reviews, from two addresses.
const MAX_STRANGERS_BODIES_BYTES: usize = 16 << 20;
const MAX_STRANGERS_BODIES_BYTES_PER_ADDRESS: usize = 8 << 20;
const MAX_STRANGERS_TIMEOUT: Duration = Duration::from_secs(2);

/// The room of clients that are trusted alike.
pub(super) struct ReviewRoom {
    pub(super) images: ImageTurns,
    /// For the bodies that are held.
    pub(super) bodies: BodyBudget,
    /// Where long bodies are read.
    pub(super) heavy: HeavyWork,
    /// However long a client says that it waits.
    pub(super) longest_timeout: Duration,
    /// Whether upstreams are asked for the digests of names that are rewritten.
    pub(super) pins_digests: bool,
}

impl ReviewRoom {
    /// For API servers that showed a certificate: each may take all of it.
    pub(super) fn of_known() -> Self {
        Self {
            images: ImageTurns::new(MAX_IMAGES, MAX_IMAGES),
            bodies: BodyBudget::new(MAX_BODIES_BYTES, MAX_BODIES_BYTES_PER_CLIENT),
            heavy: HeavyWork::new(),
            longest_timeout: MAX_TIMEOUT,
            pins_digests: true,
        }
    }

    /// For all, where no certificate is asked for: no address takes what others need.
    pub(super) fn of_anybody() -> Self {
        Self {
            images: ImageTurns::new(MAX_IMAGES, MAX_IMAGES_PER_ADDRESS),
            ..Self::of_known()
        }
    }

    /// For those that showed none where one is asked for.
    pub(super) fn of_strangers() -> Self {
        Self {
            images: ImageTurns::new(MAX_STRANGERS_IMAGES, MAX_STRANGERS_IMAGES_PER_ADDRESS),
            bodies: BodyBudget::new(
                MAX_STRANGERS_BODIES_BYTES,
                MAX_STRANGERS_BODIES_BYTES_PER_ADDRESS,
            ),
            heavy: HeavyWork::new(),
            longest_timeout: MAX_STRANGERS_TIMEOUT,
            pins_digests: false,
        }
    }
}

/// Turns to judge an image: so many altogether, and so many of them for one client address.
pub(super) struct ImageTurns {
    all: Semaphore,
    most_of_one: usize,
    /// Of the addresses that have or await a turn.
    clients: Mutex<HashMap<IpAddr, ClientTurns>>,
}

/// One address's part.
struct ClientTurns {
    places: Arc<Semaphore>,
    /// Images that have or await a turn.
    images: usize,
}

/// The turn of one image, until dropped.
pub(super) struct ImageTurn<'a> {
    _all: SemaphorePermit<'a>,
    _own: OwnedSemaphorePermit,
    _queued: QueuedImage<'a>,
}

/// One image, counted with its client from before it waits, also if it ceases to wait.
struct QueuedImage<'a> {
    turns: &'a ImageTurns,
    client: IpAddr,
}

impl ImageTurns {
    pub(super) fn new(most: usize, most_of_one: usize) -> Self {
        Self {
            all: Semaphore::new(most),
            most_of_one,
            clients: Mutex::default(),
        }
    }

    /// Waits for the turn of an image of `client`; `None`: no turn comes any more. What waits
    /// for its own client's others holds up nobody else's.
    pub(super) async fn turn(&self, client: Option<IpAddr>) -> Option<ImageTurn<'_>> {
        let (places, queued) = self.queue(client_network(client));
        let own = places.acquire_owned().await.ok()?;
        let all = self.all.acquire().await.ok()?;
        Some(ImageTurn {
            _all: all,
            _own: own,
            _queued: queued,
        })
    }

    fn queue(&self, client: IpAddr) -> (Arc<Semaphore>, QueuedImage<'_>) {
        let mut clients = self.lock();
        let own = clients.entry(client).or_insert_with(|| ClientTurns {
            places: Arc::new(Semaphore::new(self.most_of_one)),
            images: 0,
        });
        own.images += 1;
        let queued = QueuedImage {
            turns: self,
            client,
        };
        (own.places.clone(), queued)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, ClientTurns>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for QueuedImage<'_> {
    fn drop(&mut self) {
        let mut clients = self.turns.lock();
        if let Some(own) = clients.get_mut(&self.client) {
            own.images -= 1;
            if own.images == 0 {
                clients.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    fn client(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn one_address_leaves_turns_for_the_others() {
        let turns = ImageTurns::new(3, 2);
        let now = |of: &str| turns.turn(client(of)).now_or_never().flatten();
        let (first, second) = (now("10.0.0.1"), now("::ffff:10.0.0.1"));
        assert!(first.is_some() && second.is_some());
        assert!(now("10.0.0.1").is_none());
        let other = now("10.0.0.2");
        assert!(other.is_some());
        assert!(now("10.0.0.2").is_none(), "all turns are taken");
        drop(first);
        assert!(now("10.0.0.2").is_some());
    }

    #[test]
    fn nothing_is_kept_of_who_has_and_awaits_no_turn() {
        let turns = ImageTurns::new(1, 1);
        let held = turns.turn(client("10.0.0.1")).now_or_never().flatten();
        assert!(turns.turn(client("10.0.0.1")).now_or_never().is_none());
        assert!(turns.turn(client("10.0.0.2")).now_or_never().is_none());
        assert_eq!(turns.lock().len(), 1);
        drop(held);
        assert!(turns.lock().is_empty());
    }

    #[test]
    fn no_address_takes_all_where_anybody_may_ask() {
        let room = ReviewRoom::of_anybody();
        let held: Vec<_> = (0..MAX_IMAGES)
            .map_while(|_| room.images.turn(client("10.0.0.1")).now_or_never())
            .collect();
        assert_eq!(held.len(), MAX_IMAGES_PER_ADDRESS);
        let other = room.images.turn(client("10.0.0.2")).now_or_never();
        assert!(other.flatten().is_some());
    }
}
