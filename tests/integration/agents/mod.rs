//! The door of agents on nodes.

mod snapshot;
mod stage;
mod strangers;
