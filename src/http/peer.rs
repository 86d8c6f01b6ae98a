//! Who is on the other end of a connection.

use std::net::SocketAddr;
use std::sync::Arc;

use http::Request;
use tower::ServiceExt;
use tower::util::Oneshot;

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

/// A tower service as one connection sees it: every request carries the
/// [`Peer`] in its extensions.
#[derive(Clone)]
pub struct Peered<S> {
    peer: Peer,
    service: S,
}

impl<S> Peered<S> {
    pub fn new(peer: Peer, service: S) -> Self {
        Self { peer, service }
    }
}

impl<S, B> hyper::service::Service<Request<B>> for Peered<S>
where
    S: tower::Service<Request<B>> + Clone,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Oneshot<S, Request<B>>;

    fn call(&self, mut request: Request<B>) -> Self::Future {
        request.extensions_mut().insert(self.peer.clone());
        self.service.clone().oneshot(request)
    }
}
