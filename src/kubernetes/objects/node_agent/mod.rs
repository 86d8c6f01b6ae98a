//! What runs the agent of each node.
//!
//! It needs a namespace of its own: it mounts folders of its node, which only the laxest of
//! the standards for Pods permits, and the program's namespace is to keep to the strictest.

mod daemon_set;
mod inputs;
mod metadata;
mod parts;

pub use inputs::{AgentIdentity, AgentWorkload};
