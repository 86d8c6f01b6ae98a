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
use super::answer::{self, Answer};
use super::authenticate::{self, challenge};
use super::handle::Call;
use crate::gate::{Asker, Refusal};
use crate::http::{Answering, Body, Connection, Door, Peer, Stack};

impl Registry {
    /// The service of a new connection.
    pub fn connection(self: &Arc<Self>, peer: Peer) -> Service {
        Service {
            asker: authenticate::of_connection(self.auth, &self.listener, &peer),
            registry: self.clone(),
            peer,
        }
    }
}

/// The service of one connection.
#[derive(Clone)]
pub struct Service {
    registry: Arc<Registry>,
    peer: Peer,
    /// Known from the start, unless every request brings its own token.
    asker: Option<Asker>,
}

impl<B> hyper::service::Service<Request<B>> for Service {
    type Response = Answer;
    type Error = Infallible;
    type Future = Either<Ready<Result<Answer, Infallible>>, Answering<Body>>;

    fn call(&self, request: Request<B>) -> Self::Future {
        let (parts, _) = request.into_parts();
        let (started, now) = (Instant::now(), self.registry.gate.now());
        let Some(asker) = self.asker(&parts, now) else {
            return Either::Left(ready(Ok(challenge())));
        };
        let registry = &self.registry;
        let hot = registry
            .paths
            .answer(&registry.gate, &asker, &parts, now, started);
        match hot {
            Some(answer) => Either::Left(ready(Ok(answer))),
            None => {
                let pull = Pulling {
                    asker,
                    now,
                    started,
                };
                let layered = Connection::new(registry.clone(), self.peer.clone());
                Either::Right(layered.call(Request::from_parts(parts, pull)))
            }
        }
    }
}

/// Who pulls, and when. It stands where a request has its body: a pull has none.
struct Pulling {
    asker: Asker,
    now: Timestamp,
    started: Instant,
}

impl Door<Pulling> for Registry {
    type Body = Body;

    fn stack(&self) -> &Stack {
        &self.stack
    }

    async fn answer(&self, request: Request<Pulling>) -> Answer {
        let (parts, pulling) = request.into_parts();
        let call = Call {
            registry: self,
            parts,
            asker: pulling.asker,
            now: pulling.now,
            started: pulling.started,
        };
        call.answer().await
    }

    async fn overloaded(&self, _: Request<Pulling>) -> Answer {
        answer::overloaded()
    }

    fn too_slow(&self) -> Answer {
        answer::refusal(&Refusal::too_slow())
    }
}

impl Service {
    fn asker(&self, parts: &Parts, now: Timestamp) -> Option<Asker> {
        match &self.asker {
            Some(asker) => Some(asker.clone()),
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
