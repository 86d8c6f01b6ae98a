//! A door that answers by a table of routes.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::response::Response;
use http::Request;
use tower::ServiceExt;

use super::{Handler, Stack, StackLimits};
use crate::tasks::SideHandle;

/// Why a stack answers by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unserved {
    /// No place is free.
    Full,
    /// There was no answer by the deadline.
    Late,
}

/// Routes within their stack. Every client of such a door understands one kind of refusal.
pub struct RoutedDoor {
    routes: Router,
    stack: Stack,
    refuse: fn(Unserved) -> Response,
    beside: Option<SideHandle>,
}

impl RoutedDoor {
    /// `listener` is what the log calls it; `refuse` words what the stack answers by itself.
    pub fn new(
        listener: &str,
        routes: Router,
        limits: StackLimits,
        refuse: fn(Unserved) -> Response,
    ) -> Self {
        Self {
            routes,
            stack: Stack::new(listener, limits),
            refuse,
            beside: None,
        }
    }

    /// Answers on these threads, so that no pull waits behind what the routes compute.
    pub fn beside(self, threads: SideHandle) -> Self {
        let beside = Some(threads);
        Self { beside, ..self }
    }
}

impl<B> Handler<B> for RoutedDoor
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<axum::BoxError>,
{
    type Body = Body;

    fn stack(&self) -> &Stack {
        &self.stack
    }

    async fn answer(&self, request: Request<B>) -> Response {
        let answered = self.routes.clone().oneshot(request);
        let answered = match &self.beside {
            Some(threads) => threads.run(answered).await,
            None => answered.await,
        };
        answered.unwrap_or_else(|never| match never {})
    }

    async fn overloaded(&self, _: Request<B>) -> Response {
        (self.refuse)(Unserved::Full)
    }

    fn too_slow(&self) -> Response {
        (self.refuse)(Unserved::Late)
    }
}
