//! How much of something each client address holds, so that one client cannot take all.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bits of an IPv6 address that tell clients apart: one client has a whole /64.
const IPV6_PREFIX: u32 = 64;

/// Counts by client address, up to a limit. Holds an entry for each address that holds
/// something, and no other.
pub(super) struct Shares {
    /// What one address may hold at once.
    limit: usize,
    held: Mutex<HashMap<IpAddr, Held>>,
}

#[derive(Default)]
struct Held {
    count: usize,
    /// Whether it was refused more since it held nothing.
    refused: bool,
}

/// One that an address holds, until it is dropped.
pub(super) struct Share {
    shares: Arc<Shares>,
    client: IpAddr,
}

/// The address holds as much as it may.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct OverLimit {
    /// Whether it is refused for the first time since it held nothing: worth a line of
    /// the log, which repeats are not.
    pub(super) first: bool,
}

impl Shares {
    pub(super) fn new(limit: usize) -> Arc<Self> {
        let held = Mutex::default();
        Arc::new(Self { limit, held })
    }

    pub(super) fn take(self: &Arc<Self>, address: IpAddr) -> Result<Share, OverLimit> {
        let client = client(address);
        let mut all = self.lock();
        let held = all.entry(client).or_default();
        if held.count >= self.limit {
            let first = !std::mem::replace(&mut held.refused, true);
            return Err(OverLimit { first });
        }
        held.count += 1;
        let shares = self.clone();
        Ok(Share { shares, client })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut all = self.shares.lock();
        if let Some(held) = all.get_mut(&self.client) {
            held.count -= 1;
            if held.count == 0 {
                all.remove(&self.client);
            }
        }
    }
}

/// What stands for a client: an IPv4 address, or the prefix of an IPv6 address.
fn client(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let mask = u128::MAX << (Ipv6Addr::BITS - IPV6_PREFIX);
            Ipv6Addr::from_bits(address.to_bits() & mask).into()
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn gives_each_address_its_own_share_and_takes_it_back() {
        let shares = Shares::new(2);
        let first = shares.take(ip("10.0.0.1")).ok();
        let second = shares.take(ip("::ffff:10.0.0.1")).ok();
        assert!(first.is_some() && second.is_some());
        let refused = |first| Some(OverLimit { first });
        assert_eq!(shares.take(ip("10.0.0.1")).err(), refused(true));
        assert_eq!(shares.take(ip("10.0.0.1")).err(), refused(false));
        assert!(shares.take(ip("10.0.0.2")).is_ok());
        drop(first);
        assert!(shares.take(ip("10.0.0.1")).is_ok());
        drop(second);
        assert!(
            shares.lock().is_empty(),
            "nothing is kept of who holds nothing"
        );
    }

    #[test]
    fn takes_a_whole_ipv6_network_for_one_client() {
        let shares = Shares::new(1);
        let _held = shares.take(ip("2001:db8::1")).ok();
        assert!(shares.take(ip("2001:db8::ffff:1")).is_err());
        assert!(shares.take(ip("2001:db8:0:1::1")).is_ok());
    }

    #[test]
    fn gives_nothing_where_the_limit_is_nothing_and_keeps_no_entry_for_it() {
        let shares = Shares::new(0);
        assert!(shares.take(ip("10.0.0.1")).is_err());
    }
}
