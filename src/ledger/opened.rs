//! What a ledger works with once its database is open.

use super::change_listener::ChangeListener;
use super::placement::Placement;
use super::serving_lock::ServingLock;
use super::sql::SqlPool;

/// An open database.
pub(super) struct Opened {
    pub writer: SqlPool,
    pub readers: SqlPool,
    /// Of a file, for the one that serves.
    pub lock: Option<ServingLock>,
    /// Of a file.
    pub placement: Option<Placement>,
    /// Of a server.
    pub listener: Option<ChangeListener>,
}
