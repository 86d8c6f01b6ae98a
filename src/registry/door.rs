//! A listener's door: what its connections share.

use std::sync::Arc;

use super::authenticate::Auth;
use super::fast::Paths;
use crate::gate::{Gate, Listener};
use crate::http::{Stack, StackLimits};
use crate::metrics::Metrics;

/// A listener's door: shared by its connections.
pub struct Registry {
    pub(super) gate: Arc<Gate>,
    pub(super) listener: Arc<Listener>,
    pub(super) auth: Auth,
    pub(super) metrics: Metrics,
    pub(super) paths: Paths,
    pub(super) stack: Stack,
}

impl Registry {
    /// `limits` hold for what the fast lane does not answer.
    pub fn new(
        gate: Arc<Gate>,
        listener: Listener,
        auth: Auth,
        metrics: Metrics,
        limits: StackLimits,
    ) -> Self {
        let stack = Stack::new(listener.name.clone(), limits);
        Self {
            gate,
            listener: Arc::new(listener),
            auth,
            metrics,
            paths: Paths::new(),
            stack,
        }
    }
}
