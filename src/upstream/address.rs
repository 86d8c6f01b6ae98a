//! Which addresses a name chosen by an upstream may not resolve to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether `address` leads into our own network or to a cloud's metadata:
/// anything but globally routed unicast, also where IPv6 merely wraps IPv4.
pub(super) fn is_internal(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_internal_v4(address),
        IpAddr::V6(address) => match wrapped_v4(address) {
            Some(inner) => is_internal_v4(inner),
            None => is_internal_v6(address),
        },
    }
}

fn is_internal_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || a == 0
        || a >= 224 // multicast, reserved, broadcast
        || (a == 100 && (64..128).contains(&b)) // shared by carriers (RFC 6598); a cloud's metadata
        || (a == 192 && b == 0 && c == 0) // protocol assignments (RFC 6890); a cloud's metadata
        || (a == 198 && (b == 18 || b == 19)) // benchmarks (RFC 2544)
}

/// The IPv4 address inside a mapped, compatible, NAT64 or 6to4 one.
fn wrapped_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let segments = address.segments();
    let join = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        Ipv4Addr::new(a, b, c, d)
    };
    match segments {
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] => Some(join(high, low)),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(join(high, low)),
        [0x2002, high, low, ..] => Some(join(high, low)),
        _ => None,
    }
}

fn is_internal_v6(address: Ipv6Addr) -> bool {
    // 2000::/3 is all that is globally routed; Teredo within it wraps IPv4.
    let segments = address.segments();
    segments[0] & 0xe000 != 0x2000 || segments[..2] == [0x2001, 0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_addresses_of_our_own_network() {
        for internal in [
            "127.0.0.1",
            "0.0.0.0",
            "10.1.2.3",
            "172.31.255.255",
            "192.168.0.1",
            "169.254.169.254",
            "100.100.100.200",
            "192.0.0.192",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::10.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2001:0:1::1",
        ] {
            let address = internal.parse().unwrap();
            assert!(is_internal(address), "{internal}");
        }
    }

    #[test]
    fn lets_public_addresses_through() {
        for public in [
            "1.1.1.1",
            "172.32.0.1",
            "100.128.0.1",
            "192.0.1.1",
            "2606:4700::1111",
            "::ffff:1.1.1.1",
            "64:ff9b::1.1.1.1",
        ] {
            assert!(!is_internal(public.parse().unwrap()), "{public}");
        }
    }
}
