//! What the handlers work with.

use std::sync::Arc;

use jiff::Timestamp;

use super::Hosts;
use crate::api::Status;
use crate::gate::Gate;
use crate::ledger::Ledger;
use crate::oci::RegistryHost;

/// Tells the state of things, for `status`; nothing while the program stops.
pub type StatusSource = Arc<dyn Fn(Timestamp) -> Option<Status> + Send + Sync>;

/// The door's own parts.
#[derive(Clone)]
pub struct Admin {
    pub gate: Arc<Gate>,
    pub ledger: Arc<Ledger>,
    /// Where image names without a host lie.
    pub default_host: RegistryHost,
    pub hosts: Arc<Hosts>,
    pub status: StatusSource,
}
