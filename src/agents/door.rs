//! The door within its stack, and its routes.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response};
use tokio::sync::Semaphore;

use super::answer::AgentRefusal;
use crate::gate::Gate;
use crate::http::{Body, Handler, Peer, Stack, StackLimits};
use crate::node_feed::NodeFeed;
use crate::trust::EnvironmentName;

/// Agents that wait for news, at most: the others are told to come again.
const MAX_WAITING: usize = 6144;

/// A listener's door for agents.
pub struct AgentsDoor {
    pub(super) gate: Arc<Gate>,
    pub(super) feed: Arc<NodeFeed>,
    /// Whose agents come here.
    pub(super) environment: EnvironmentName,
    /// Whether what is sent here cannot be read on its way.
    pub(super) is_tls: bool,
    /// Whether the listener asks for client certificates.
    pub(super) takes_certificates: bool,
    pub(super) waiting: Semaphore,
    stack: Stack,
}

impl AgentsDoor {
    pub fn new(
        gate: Arc<Gate>,
        feed: Arc<NodeFeed>,
        environment: EnvironmentName,
        is_tls: bool,
        takes_certificates: bool,
    ) -> Self {
        Self {
            gate,
            feed,
            environment,
            is_tls,
            takes_certificates,
            waiting: Semaphore::new(MAX_WAITING),
            stack: Stack::new("agents", StackLimits::AGENTS),
        }
    }

    async fn route<B>(&self, request: Request<B>) -> Result<Response<Body>, AgentRefusal> {
        let (parts, _) = request.into_parts();
        let now = self.gate.now();
        match (parts.uri.path(), &parts.method) {
            ("/api/v1/node/snapshot", &Method::GET) => self.snapshot(&parts, now).await,
            ("/api/v1/node/snapshot", _) => Err(AgentRefusal::other_method()),
            _ => Err(AgentRefusal::not_found("nothing lies at that path")),
        }
    }
}

impl<B> Handler<B> for AgentsDoor
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
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
