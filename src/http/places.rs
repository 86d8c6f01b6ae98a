//! The places that a listener has for connections.

use std::net::IpAddr;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::ConnectionLimits;
use super::shares::{OverLimit, Share, Shares};

/// All places of a listener, and what of them each client address holds.
pub(super) struct Places {
    all: Arc<Semaphore>,
    connected: Arc<Shares>,
    half_open: Arc<Shares>,
}

/// The place of one connection; it is free again when all parts are dropped.
pub(super) struct Place {
    /// Held until the client's first request has come.
    pub(super) half_open: Share,
    /// Held until the connection ends.
    pub(super) connected: Connected,
}

/// What a connection holds as long as it is open.
pub(super) struct Connected {
    _free: OwnedSemaphorePermit,
    _share: Share,
}

/// Why a client address gets no further place.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refused {
    /// The key of the configuration that bounds it.
    pub(super) limit: &'static str,
    /// Whether it is worth a line of the log.
    pub(super) first: bool,
}

impl Places {
    pub(super) fn new(limits: &ConnectionLimits) -> Self {
        Self {
            all: Arc::new(Semaphore::new(limits.connections)),
            connected: Shares::new(limits.connections_per_address),
            half_open: Shares::new(limits.half_open_per_address),
        }
    }

    /// Waits for a free place; `None` never comes.
    pub(super) async fn free(&self) -> Option<OwnedSemaphorePermit> {
        self.all.clone().acquire_owned().await.ok()
    }

    /// Takes the place for a client, if its address may hold one more.
    pub(super) fn enter(
        &self,
        free: OwnedSemaphorePermit,
        client: IpAddr,
    ) -> Result<Place, Refused> {
        let refused = |limit| move |OverLimit { first }| Refused { limit, first };
        let share = self.connected.take(client);
        let share = share.map_err(refused("connections_per_address"))?;
        let half_open = self.half_open.take(client);
        let half_open = half_open.map_err(refused("half_open_per_address"))?;
        let connected = Connected {
            _free: free,
            _share: share,
        };
        Ok(Place {
            half_open,
            connected,
        })
    }
}
