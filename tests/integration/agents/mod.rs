//! The door of agents on nodes.

mod events;
mod snapshot;
mod stage;
mod strangers;
