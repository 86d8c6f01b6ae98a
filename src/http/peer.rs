//! The client of a connection.

use std::net::SocketAddr;
use std::sync::Arc;

use http::{Extensions, HeaderMap, header};

/// The client of one connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Where it connects from; IPv4 is written as IPv4, whatever the socket.
    pub address: SocketAddr,
    /// What its verified certificate calls it: the one common name of the
    /// subject, else `sha256:` and the certificate's fingerprint. `None` where
    /// the listener asks for no certificate.
    pub certificate: Option<Arc<str>>,
}

impl Peer {
    pub fn new(address: SocketAddr, certificate: Option<Arc<str>>) -> Self {
        let address = SocketAddr::new(address.ip().to_canonical(), address.port());
        Self {
            address,
            certificate,
        }
    }
}

/// Mark of a request that was made on this machine, and not by a proxy there for somebody
/// else.
#[derive(Clone, Copy, Debug)]
pub struct LocalClient(());

impl LocalClient {
    /// `None`: the client is elsewhere, or not known, or the request says that it was
    /// forwarded.
    pub fn of(extensions: &Extensions, headers: &HeaderMap) -> Option<Self> {
        let peer: &Peer = extensions.get()?;
        let is_near = peer.address.ip().is_loopback();
        (is_near && !is_forwarded(headers)).then_some(Self(()))
    }
}

/// In the names of headers by which proxies tell whom they ask for.
const CLIENT_WORDS: [&str; 5] = [
    "forwarded",
    "real-ip",
    "client-ip",
    "connecting-ip",
    "external-address",
];

/// Whether a proxy says that it stands between (RFC 7239; RFC 9110, 7.6.3; and what was there
/// before them).
fn is_forwarded(headers: &HeaderMap) -> bool {
    headers.keys().any(|name| {
        let tells_of_client = CLIENT_WORDS.iter().any(|word| name.as_str().contains(word));
        name == header::VIA || tells_of_client
    })
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn is_local(address: &str, header: Option<&'static str>) -> bool {
        let (mut extensions, mut headers) = (Extensions::new(), HeaderMap::new());
        extensions.insert(Peer::new(address.parse().unwrap(), None));
        if let Some(name) = header {
            let value = HeaderValue::from_static("127.0.0.1");
            headers.insert(HeaderName::from_static(name), value);
        }
        LocalClient::of(&extensions, &headers).is_some()
    }

    #[test]
    fn whoever_connects_from_this_machine_is_local() {
        for near in [
            "127.0.0.1:1",
            "127.9.9.9:1",
            "[::1]:1",
            "[::ffff:127.0.0.1]:1",
        ] {
            assert!(
                is_local(near, None) && is_local(near, Some("accept")),
                "{near}"
            );
        }
        for away in [
            "10.0.0.1:1",
            "0.0.0.0:1",
            "[fe80::1]:1",
            "[::ffff:10.0.0.1]:1",
        ] {
            assert!(!is_local(away, None), "{away}");
        }
        assert!(LocalClient::of(&Extensions::new(), &HeaderMap::new()).is_none());
    }

    #[test]
    fn whoever_comes_through_a_proxy_on_this_machine_is_not_local() {
        for header in [
            "forwarded",
            "via",
            "x-real-ip",
            "x-forwarded-for",
            "x-forwarded-proto",
            "x-forwarded-host",
        ] {
            assert!(!is_local("127.0.0.1:1", Some(header)), "{header}");
        }
    }
}
