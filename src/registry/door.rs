//! A listener's door: what its connections share.

use std::sync::Arc;

use super::fast::PathCache;
use crate::gate::{Gate, Listener};
use crate::http::{Stack, StackLimits};
use crate::metrics::Metrics;

/// The authentication that a listener requires.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientAuth {
    #[default]
    None,
    /// A client certificate, checked by TLS.
    Mtls,
    /// A token as the password of Basic, so that `docker login` works.
    Token,
}

/// A listener's door: shared by its connections.
pub struct Registry {
    pub(super) gate: Arc<Gate>,
    pub(super) listener: Arc<Listener>,
    pub(super) auth: ClientAuth,
    pub(super) metrics: Metrics,
    pub(super) paths: PathCache,
    pub(super) stack: Stack,
}

impl Registry {
    /// `limits` hold for what the fast lane does not answer.
    pub fn new(
        gate: Arc<Gate>,
        listener: Listener,
        auth: ClientAuth,
        metrics: Metrics,
        limits: StackLimits,
    ) -> Self {
        let stack = Stack::new(listener.name.clone(), limits);
        Self {
            gate,
            listener: Arc::new(listener),
            auth,
            metrics,
            paths: PathCache::new(),
            stack,
        }
    }
}
