//! The service of one connection.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use futures_util::future::Either;
use http::Request;
use http::request::Parts;
use jiff::Timestamp;

use super::answer::Answer;
use super::authenticate::{self, Auth, challenge};
use super::fast::Paths;
use super::handle::{Call, handle};
use crate::gate::{Asker, Gate, Listener};
use crate::http::{Peer, RequestIds};
use crate::metrics::Metrics;

/// A listener's door: shared by its connections.
pub struct Registry {
    pub(super) gate: Arc<Gate>,
    pub(super) listener: Arc<Listener>,
    pub(super) auth: Auth,
    pub(super) metrics: Metrics,
    pub(super) paths: Paths,
    pub(super) ids: RequestIds,
}

impl Registry {
    pub fn new(gate: Arc<Gate>, listener: Listener, auth: Auth, metrics: Metrics) -> Self {
        Self {
            gate,
            listener: Arc::new(listener),
            auth,
            metrics,
            paths: Paths::new(),
            ids: RequestIds::new(),
        }
    }

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

type Slow = Pin<Box<dyn Future<Output = Result<Answer, Infallible>> + Send>>;

impl<B> hyper::service::Service<Request<B>> for Service {
    type Response = Answer;
    type Error = Infallible;
    type Future = Either<Ready<Result<Answer, Infallible>>, Slow>;

    fn call(&self, request: Request<B>) -> Self::Future {
        let (parts, _) = request.into_parts();
        let (started, now) = (Instant::now(), Timestamp::now());
        let Some(asker) = self.asker(&parts, now) else {
            return Either::Left(ready(Ok(challenge())));
        };
        let registry = &self.registry;
        let hot = registry
            .paths
            .answer(&registry.gate, &asker, &parts, now, started);
        match hot {
            Some(answer) => Either::Left(ready(Ok(answer))),
            None => Either::Right(slow(Call {
                registry: registry.clone(),
                asker,
                parts,
                now,
                started,
            })),
        }
    }
}

fn slow(call: Call) -> Slow {
    Box::pin(async move { Ok(handle(call).await) })
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
