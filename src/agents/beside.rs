//! The door beside another one, at that one's address.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::Either;
use http::{Request, Response};
use hyper::service::Service;

use super::AgentsDoor;
use crate::http::{Answering, Body, Connection, Peer};

/// Where agents ask; nothing of the distribution API lies there.
const BELOW: &str = "/api/v1/node/";

/// One connection: what lies below `/api/v1/node/` for agents, the rest for the other door.
pub struct AgentsBeside<S> {
    agents: Connection<AgentsDoor>,
    other: S,
}

impl<S> AgentsBeside<S> {
    pub fn new(agents: Arc<AgentsDoor>, other: S, peer: Peer) -> Self {
        Self {
            agents: Connection::new(agents, peer),
            other,
        }
    }
}

impl<S, B> Service<Request<B>> for AgentsBeside<S>
where
    S: Service<Request<B>, Response = Response<Body>, Error = Infallible>,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Send,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Either<S::Future, Answering<Body>>;

    fn call(&self, request: Request<B>) -> Self::Future {
        match request.uri().path().starts_with(BELOW) {
            true => Either::Right(self.agents.call(request)),
            false => Either::Left(self.other.call(request)),
        }
    }
}
