//! The door within its stack, and its routes.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response};
use tokio::sync::Semaphore;

use super::answer::AgentRefusal;
use crate::api::{NODE_EVENTS, NODE_SNAPSHOT};
use crate::gate::{Gate, Listener};
use crate::http::{Body, BodyBudget, Handler, Peer, Stack, StackLimits};
use crate::ledger::Ledger;
use crate::node_feed::NodeFeed;
use crate::trust::{EnvironmentName, ImageNames};

/// Agents that wait for news, at most: the others are told to come again.
const MAX_WAITING: usize = 6144;
/// Bytes of all batches that are read at once, at most.
const MAX_BODIES: usize = 64 << 20;

/// What a door for agents is made of.
pub struct AgentsDoorParts {
    pub gate: Arc<Gate>,
    pub ledger: Arc<Ledger>,
    /// `None`: no environment has agents.
    pub feed: Option<Arc<NodeFeed>>,
    /// Whose agents come here, and how their decisions call it.
    pub listener: Arc<Listener>,
    /// How the runtimes of these nodes name images.
    pub names: ImageNames,
    /// Whether what is sent here cannot be read on its way.
    pub is_tls: bool,
    /// Whether the listener asks for client certificates.
    pub takes_certificates: bool,
}

/// A listener's door for agents.
pub struct AgentsDoor {
    pub(super) gate: Arc<Gate>,
    pub(super) ledger: Arc<Ledger>,
    pub(super) feed: Option<Arc<NodeFeed>>,
    pub(super) listener: Arc<Listener>,
    pub(super) environment: EnvironmentName,
    pub(super) names: ImageNames,
    pub(super) is_tls: bool,
    pub(super) takes_certificates: bool,
    pub(super) waiting: Semaphore,
    pub(super) bodies: BodyBudget,
    stack: Stack,
}

impl AgentsDoor {
    pub fn new(parts: AgentsDoorParts) -> Self {
        Self {
            environment: parts.listener.environment.clone(),
            gate: parts.gate,
            ledger: parts.ledger,
            feed: parts.feed,
            listener: parts.listener,
            names: parts.names,
            is_tls: parts.is_tls,
            takes_certificates: parts.takes_certificates,
            waiting: Semaphore::new(MAX_WAITING),
            bodies: BodyBudget::new(MAX_BODIES, MAX_BODIES),
            stack: Stack::new("agents", StackLimits::AGENTS),
        }
    }

    async fn route<B>(&self, request: Request<B>) -> Result<Response<Body>, AgentRefusal>
    where
        B: http_body::Body<Data = Bytes>,
    {
        let (parts, body) = request.into_parts();
        let now = self.gate.now();
        let Some(feed) = &self.feed else {
            return Err(AgentRefusal::not_found(
                "this gateway has no agents",
                "write [nodes] with signing_key, and [environments.NAME.nodes], into the \
                 gateway's configuration (docs/node-agent.md)",
            ));
        };
        match (parts.uri.path(), &parts.method) {
            (NODE_SNAPSHOT, &Method::GET) => self.snapshot(feed, &parts, now).await,
            (NODE_EVENTS, &Method::POST) => self.events(&parts, body, now).await,
            (NODE_SNAPSHOT | NODE_EVENTS, _) => Err(AgentRefusal::other_method()),
            _ => Err(AgentRefusal::not_found(
                "nothing lies at that path",
                "agents ask /api/v1/node/snapshot and tell /api/v1/node/events",
            )),
        }
    }
}

impl<B> Handler<B> for AgentsDoor
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Send,
{
    type Body = Body;

    fn stack(&self) -> &Stack {
        &self.stack
    }

    async fn answer(&self, request: Request<B>) -> Response<Body> {
        let answered = self.route(request).await;
        answered.unwrap_or_else(AgentRefusal::into_response)
    }

    async fn overloaded(&self, _: Request<B>) -> Response<Body> {
        AgentRefusal::unavailable("too many agents ask at once").into_response()
    }

    fn too_slow(&self) -> Response<Body> {
        AgentRefusal::unavailable("the answer took too long").into_response()
    }
}

/// The peer that the stack put into a request.
pub(super) fn peer(parts: &http::request::Parts) -> Option<&Peer> {
    parts.extensions.get::<Peer>()
}
