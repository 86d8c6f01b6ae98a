//! A listener: bound first, then served, then drained.

use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::entrance::{Entrance, Opening};
use super::head_timer::HeadTimer;
use super::pace::{Paced, Socket};
use super::places::{Place, Places, Refused};
use super::shares::Share;
use super::{ConnectionLimits, Peer};
use crate::tasks::Tasks;
use crate::tls::listener::{self, ReloadingCertificates};

/// Most bytes of a request line and its headers together.
const MAX_HEADER_SIZE: usize = 32 * 1024;
/// Connections that are let in at most when the listener closes: a system's queue.
const MAX_LAST_ACCEPTED: usize = 4096;
/// Pause after an accept that failed for want of descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why an address could not be bound.
#[derive(Debug, thiserror::Error)]
#[error("{name}: cannot listen on {address}: {source}")]
pub struct ListenError {
    name: &'static str,
    address: SocketAddr,
    source: io::Error,
}

/// A socket that listens and is not served yet: clients wait.
pub struct BoundListener {
    name: &'static str,
    listener: TcpListener,
    address: SocketAddr,
}

impl BoundListener {
    /// Binds `address`; `name` is what logs and tasks call the listener.
    ///
    /// # Errors
    /// [`ListenError`], with the address and the system's reason.
    pub async fn bind(name: &'static str, address: SocketAddr) -> Result<Self, ListenError> {
        let failed = |source| ListenError {
            name,
            address,
            source,
        };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self {
            name,
            listener,
            address,
        })
    }

    /// The address with the port that was given for port 0.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves until shutdown begins; every connection gets its own service from
    /// `make`. From when the end is announced, each answer is the last of its connection.
    /// From shutdown on nothing is accepted but what connected before, idle connections
    /// close, and answers under way are finished within the deadline of the drain.
    pub fn serve<M, S, B>(
        self,
        tasks: &Tasks,
        limits: ConnectionLimits,
        tls: Option<Arc<ReloadingCertificates>>,
        make: M,
    ) where
        M: Fn(Peer) -> S + Send + Sync + 'static,
        S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
        S: Send + 'static,
        S::Future: Send,
        B: http_body::Body<Data = Bytes> + From<&'static str> + Send + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let server = Arc::new(Server {
            name: self.name,
            places: Places::new(&limits),
            http: protocol(&limits),
            tasks: tasks.clone(),
            limits,
            tls,
            make,
        });
        let shutdown = tasks.cancelled();
        tasks.spawn(self.name, async move {
            tokio::select! {
                () = shutdown => {}
                () = accept_all(&self.listener, &server) => {}
            }
            accept_waiting(&self.listener, &server);
        });
    }
}

struct Server<M> {
    name: &'static str,
    places: Places,
    http: http1::Builder,
    tasks: Tasks,
    limits: ConnectionLimits,
    tls: Option<Arc<ReloadingCertificates>>,
    make: M,
}

fn protocol(limits: &ConnectionLimits) -> http1::Builder {
    let mut http = http1::Builder::new();
    http.auto_date_header(true)
        .header_read_timeout(limits.idle)
        .max_header_size(MAX_HEADER_SIZE)
        .half_close(false);
    http
}

async fn accept_all<M, S, B>(listener: &TcpListener, server: &Arc<Server<M>>)
where
    M: Fn(Peer) -> S + Send + Sync + 'static,
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Send + 'static,
    S::Future: Send,
    B: http_body::Body<Data = Bytes> + From<&'static str> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    while let Some(free) = server.places.free().await {
        match listener.accept().await {
            Ok((stream, address)) => let_in(server, free, stream, address),
            Err(error) if concerns_one_client(&error) => {}
            Err(error) => {
                tracing::warn!(listener.name = server.name, %error, "cannot accept");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Lets in those that the system took for us before the listener closes: it would reset
/// them.
fn accept_waiting<M, S, B>(listener: &TcpListener, server: &Arc<Server<M>>)
where
    M: Fn(Peer) -> S + Send + Sync + 'static,
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Send + 'static,
    S::Future: Send,
    B: http_body::Body<Data = Bytes> + From<&'static str> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    for _ in 0..MAX_LAST_ACCEPTED {
        let Some(Some(free)) = server.places.free().now_or_never() else {
            return;
        };
        let Some(Ok((stream, address))) = listener.accept().now_or_never() else {
            return;
        };
        let_in(server, free, stream, address);
    }
}

fn let_in<M, S, B>(
    server: &Arc<Server<M>>,
    free: OwnedSemaphorePermit,
    stream: TcpStream,
    address: SocketAddr,
) where
    M: Fn(Peer) -> S + Send + Sync + 'static,
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Send + 'static,
    S::Future: Send,
    B: http_body::Body<Data = Bytes> + From<&'static str> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    match server.places.enter(free, address.ip()) {
        Ok(place) => {
            let connection = server.clone().connection(stream, address, place);
            server.tasks.spawn_isolated(server.name, connection);
        }
        Err(refused) => server.refuse(&stream, address, &refused),
    }
}

/// Whether the client went away by itself, so that the next may be fine.
fn concerns_one_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    )
}

impl<M> Server<M> {
    /// Closes a connection beyond what its address may hold, at once and for good, so
    /// that nothing is kept of it.
    fn refuse(&self, stream: &TcpStream, address: SocketAddr, refused: &Refused) {
        let _ = stream.set_zero_linger();
        if refused.first {
            tracing::warn!(
                listener.name = self.name, client.address = %address.ip(), refused.limit,
                "a client address holds as many connections as it may; more are closed"
            );
        }
    }
}

impl<M, S, B> Server<M>
where
    M: Fn(Peer) -> S,
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
    B: http_body::Body<Data = Bytes> + From<&'static str> + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    async fn connection(self: Arc<Self>, stream: TcpStream, address: SocketAddr, place: Place) {
        // Without it small answers wait for the client's acknowledgement.
        let _ = stream.set_nodelay(true);
        let Place {
            half_open,
            connected: _connected,
        } = place;
        let Some(certificates) = &self.tls else {
            let peer = Peer::new(address, None);
            return self.exchange(stream, peer, half_open).await;
        };
        match self.greet(certificates, stream).await {
            Ok(stream) => {
                let peer = Peer::new(address, client_name(&stream));
                // It is large, and would lie in each of the futures that it passes through.
                self.exchange(Box::new(stream), peer, half_open).await;
            }
            Err(error) => {
                tracing::debug!(listener.name = self.name, client.address = %address, %error, "TLS handshake failed");
            }
        }
    }

    async fn greet(
        &self,
        certificates: &ReloadingCertificates,
        stream: TcpStream,
    ) -> io::Result<TlsStream<TcpStream>> {
        let handshake = TlsAcceptor::from(certificates.config()).accept(stream);
        tokio::time::timeout(self.limits.handshake, handshake).await?
    }

    /// Requests and answers, until the client, a limit or the shutdown ends them.
    async fn exchange<I: Socket>(&self, stream: I, peer: Peer, half_open: Share) {
        let address = peer.address;
        let (opening, comes) = Opening::new(half_open);
        let io = TokioIo::new(Paced::new(stream, self.limits.pace));
        let service = Entrance::new((self.make)(peer), opening, self.tasks.leaving());
        let mut http = self.http.clone();
        http.timer(HeadTimer::default());
        let mut connection = pin!(http.serve_connection(io, service));
        // In this order: the others are looked at only where the connection waits.
        let result = tokio::select! {
            biased;
            result = connection.as_mut() => result,
            () = no_request(comes, self.limits.first_request) => return,
            () = self.tasks.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = result {
            tracing::debug!(listener.name = self.name, client.address = %address, %error, "connection failed");
        }
    }
}

/// Resolves if no request comes in time.
async fn no_request(comes: oneshot::Receiver<()>, time: Duration) {
    if let Ok(Ok(())) = tokio::time::timeout(time, comes).await {
        std::future::pending().await
    }
}

fn client_name(stream: &TlsStream<TcpStream>) -> Option<Arc<str>> {
    let (_, session) = stream.get_ref();
    let leaf = session.peer_certificates()?.first()?;
    Some(listener::name(leaf).into())
}
