//! The client of a connection.

use std::net::SocketAddr;
use std::sync::Arc;

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
