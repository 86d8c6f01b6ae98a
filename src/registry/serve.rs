//! The service of one connection.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::time::Instant;

use futures_util::future::Either;
use http::Request;
use http::request::Parts;
use jiff::Timestamp;

use super::Registry;
use super::answer::{self, RegistryResponse};
use super::authenticate::{self, challenge};
use super::handle::RegistryCall;
use crate::gate::{Client, Refusal};
use crate::http::{Answering, Body, Connection, Handler, Peer, Stack};

impl Registry {
    /// The service of a new connection.
    pub fn connection(self: &Arc<Self>, peer: Peer) -> RegistryService {
        RegistryService {
            client: authenticate::of_connection(self.auth, &self.listener, &peer),
            registry: self.clone(),
            peer,
        }
    }
}

/// The service of one connection.
#[derive(Clone)]
pub struct RegistryService {
    registry: Arc<Registry>,
    peer: Peer,
    /// The client, if the connection identifies it; `None`: each request brings its own
    /// token.
    client: Option<Client>,
}

impl<B> hyper::service::Service<Request<B>> for RegistryService {
    type Response = RegistryResponse;
    type Error = Infallible;
    type Future = Either<Ready<Result<RegistryResponse, Infallible>>, Answering<Body>>;

    fn call(&self, request: Request<B>) -> Self::Future {
        let (parts, _) = request.into_parts();
        let (started, now) = (Instant::now(), self.registry.gate.now());
        let Some(client) = self.client(&parts, now) else {
            return Either::Left(ready(Ok(challenge())));
        };
        let registry = &self.registry;
        let hot = registry
            .paths
            .answer(&registry.gate, &client, &parts, now, started);
        match hot {
            Some(answer) => Either::Left(ready(Ok(answer))),
            None => {
                let pull = PullContext {
                    client,
                    now,
                    started,
                };
                let layered = Connection::new(registry.clone(), self.peer.clone());
                Either::Right(layered.call(Request::from_parts(parts, pull)))
            }
        }
    }
}

/// The client and the time of a pull, passed in place of the request's body, which a pull
/// does not have.
struct PullContext {
    client: Client,
    now: Timestamp,
    started: Instant,
}

impl Handler<PullContext> for Registry {
    type Body = Body;

    fn stack(&self) -> &Stack {
        &self.stack
    }

    async fn answer(&self, request: Request<PullContext>) -> RegistryResponse {
        let (parts, pulling) = request.into_parts();
        let call = RegistryCall {
            registry: self,
            parts,
            client: pulling.client,
            now: pulling.now,
            started: pulling.started,
        };
        call.answer().await
    }

    async fn overloaded(&self, _: Request<PullContext>) -> RegistryResponse {
        answer::overloaded()
    }

    fn too_slow(&self) -> RegistryResponse {
        answer::refusal(&Refusal::too_slow())
    }
}

impl RegistryService {
    fn client(&self, parts: &Parts, now: Timestamp) -> Option<Client> {
        match &self.client {
            Some(client) => Some(client.clone()),
            None => authenticate::of_request(
                &parts.headers,
                &self.registry.gate,
                &self.registry.listener,
                &self.peer,
                now,
            ),
        }
    }
}
