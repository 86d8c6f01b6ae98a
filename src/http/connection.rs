//! A door within its stack, as one connection sees it.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;

use http::{Request, Response};

use super::{Handler, Peer};

/// An answer under way. It always comes.
pub type Answering<R> = Pin<Box<dyn Future<Output = Result<Response<R>, Infallible>> + Send>>;

/// The service of one connection: every request passes the door's stack to the door.
pub struct Connection<D> {
    door: Arc<D>,
    peer: Peer,
}

impl<D> Connection<D> {
    pub fn new(door: Arc<D>, peer: Peer) -> Self {
        Self { door, peer }
    }
}

impl<D, B> hyper::service::Service<Request<B>> for Connection<D>
where
    D: Handler<B>,
    B: Send + 'static,
{
    type Response = Response<D::Body>;
    type Error = Infallible;
    type Future = Answering<D::Body>;

    fn call(&self, request: Request<B>) -> Self::Future {
        let (door, peer) = (self.door.clone(), self.peer.clone());
        Box::pin(async move { Ok(door.stack().serve(&*door, &peer, request).await) })
    }
}
