//! Which addresses no message is sent to: where clouds tell machines their secrets. A
//! receiver in one's own network is a usual one.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// The name lies at such an address.
#[derive(Debug, thiserror::Error)]
#[error("the address is guarded")]
pub(super) struct GuardedAddress;

/// The metadata address of a cloud by IPv6.
const METADATA_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);

/// Whether a message may go to `address`.
pub(super) fn may_ask(address: IpAddr, listed: &HashSet<IpAddr>) -> bool {
    listed.contains(&address) || !is_guarded(address)
}

fn is_guarded(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_guarded_v4(address),
        IpAddr::V6(address) => {
            address.is_unspecified()
                || address.is_multicast()
                || address.is_unicast_link_local()
                || address == METADATA_V6
                || address.to_ipv4().is_some_and(|inner| {
                    // `::1` is no IPv4 address.
                    !address.is_loopback() && is_guarded_v4(inner)
                })
        }
    }
}

fn is_guarded_v4(address: Ipv4Addr) -> bool {
    let metadata = [
        Ipv4Addr::new(100, 100, 100, 200),
        Ipv4Addr::new(192, 0, 0, 192),
    ];
    let [first, ..] = address.octets();
    first == 0 || first >= 224 || address.is_link_local() || metadata.contains(&address)
}

/// Resolves names for one target; the addresses that are looked at are those that are
/// connected.
pub(super) struct NoticeResolver {
    pub(super) listed: Arc<HashSet<IpAddr>>,
}

impl Resolve for NoticeResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let listed = self.listed.clone();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let found: Vec<SocketAddr> = found.collect();
            if !found.iter().all(|it| may_ask(it.ip(), &listed)) {
                return Err(GuardedAddress.into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asks_no_metadata_service_unless_it_is_listed() {
        let none = HashSet::new();
        for guarded in [
            "169.254.169.254",
            "::ffff:169.254.169.254",
            "::169.254.169.254",
            "fe80::1",
            "fd00:ec2::254",
            "100.100.100.200",
            "192.0.0.192",
            "0.0.0.0",
            "::",
            "224.0.0.1",
            "255.255.255.255",
            "ff02::1",
        ] {
            let address: IpAddr = guarded.parse().unwrap();
            assert!(!may_ask(address, &none), "{guarded}");
            assert!(may_ask(address, &[address].into()), "{guarded}");
        }
        for usual in [
            "127.0.0.1",
            "::1",
            "10.0.0.7",
            "192.168.1.1",
            "1.1.1.1",
            "fd12::1",
        ] {
            assert!(may_ask(usual.parse().unwrap(), &none), "{usual}");
        }
    }
}
