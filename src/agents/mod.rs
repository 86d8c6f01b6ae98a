//! The door of agents on nodes, beside the registry at the same address: what must not
//! start, and what they tell, for who has a token of the role `node` or a client certificate.

mod answer;
mod beside;
mod door;
mod events;
mod identity;
mod snapshot;

pub use beside::AgentsBeside;
pub use door::{AgentsDoor, AgentsDoorParts};
