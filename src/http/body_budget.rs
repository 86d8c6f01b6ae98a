//! Memory for the bodies of requests: so much altogether, and so much of it for one
//! client, who cannot take it from the others.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Room for bodies, in bytes.
pub struct BodyBudget {
    most: usize,
    most_of_one: usize,
    taken: Mutex<UsedBytes>,
}

#[derive(Default)]
struct UsedBytes {
    all: usize,
    /// Of those that have any.
    clients: HashMap<IpAddr, usize>,
}

/// What the body of one request takes, until dropped.
pub struct ReservedBytes<'a> {
    room: &'a BodyBudget,
    client: IpAddr,
    bytes: usize,
}

impl BodyBudget {
    /// For `most` bytes altogether, and `most_of_one` of one client.
    pub fn new(most: usize, most_of_one: usize) -> Self {
        Self {
            most,
            most_of_one,
            taken: Mutex::default(),
        }
    }

    /// For a body of `client`, which takes none yet.
    pub fn enter(&self, client: Option<IpAddr>) -> ReservedBytes<'_> {
        ReservedBytes {
            room: self,
            client: client_network(client),
            bytes: 0,
        }
    }

    fn lock(&self) -> MutexGuard<'_, UsedBytes> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one client is told from another by. Those whose address is not known are one. One
/// IPv6 client has a network of 64 bits to itself (RFC 4291 §2.5.4).
pub fn client_network(client: Option<IpAddr>) -> IpAddr {
    let client = client.unwrap_or(Ipv6Addr::UNSPECIFIED.into());
    match client.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

impl ReservedBytes<'_> {
    /// Takes `more` bytes; waits for none, and says whether there were so many.
    #[must_use]
    pub fn take(&mut self, more: usize) -> bool {
        let mut taken = self.room.lock();
        let own = taken.clients.get(&self.client).copied().unwrap_or(0);
        let fits = taken.all + more <= self.room.most && own + more <= self.room.most_of_one;
        if fits {
            taken.all += more;
            taken.clients.insert(self.client, own + more);
            self.bytes += more;
        }
        fits
    }

    /// Gives back what was taken beyond `bytes`: so many are kept.
    pub fn shrink_to(&mut self, bytes: usize) {
        let kept = self.bytes.min(bytes);
        self.give_back_all_but(kept);
    }

    /// Gives back what was taken: the body is not kept after all.
    pub fn give_back(&mut self) {
        self.give_back_all_but(0);
    }

    fn give_back_all_but(&mut self, kept: usize) {
        let bytes = std::mem::replace(&mut self.bytes, kept) - kept;
        let mut taken = self.room.lock();
        taken.all -= bytes;
        let own = taken.clients.get(&self.client).copied().unwrap_or(0);
        match own - bytes {
            0 => taken.clients.remove(&self.client),
            left => taken.clients.insert(self.client, left),
        };
    }
}

impl Drop for ReservedBytes<'_> {
    fn drop(&mut self) {
        self.give_back();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn one_client_leaves_room_for_the_others() {
        let room = BodyBudget::new(100, 40);
        let mut first = room.enter(client("10.0.0.1"));
        let mut second = room.enter(client("::ffff:10.0.0.1"));
        assert!(first.take(30) && second.take(10) && !second.take(1));
        let mut other = room.enter(client("10.0.0.2"));
        assert!(other.take(40));
        first.shrink_to(50);
        assert!(!second.take(1));
        first.shrink_to(10);
        assert!(second.take(20) && !second.take(1));
        drop(first);
        assert!(second.take(10));
        assert!(!room.enter(client("10.0.0.3")).take(21));
        assert!(room.enter(client("10.0.0.3")).take(20));
    }

    #[test]
    fn a_network_of_ipv6_is_one_client() {
        let room = BodyBudget::new(100, 40);
        let mut first = room.enter(client("2001:db8::1"));
        assert!(first.take(40));
        assert!(!room.enter(client("2001:db8::2")).take(1));
        assert!(room.enter(client("2001:db8:0:1::2")).take(1));
    }

    #[test]
    fn keeps_nothing_of_those_that_are_gone() {
        let room = BodyBudget::new(100, 40);
        for name in ["10.0.0.1", "10.0.0.2"] {
            let mut body = room.enter(client(name));
            assert!(body.take(40));
        }
        let _without_any = room.enter(None);
        let taken = room.lock();
        assert!(taken.all == 0 && taken.clients.is_empty());
    }
}
