//! The files that make a node pull through the gateway, and only through it.
//!
//! Pure: what to write, not the writing. A mirror file that is wrong is worse than
//! none, since runtimes ignore what they cannot read and go straight to the source;
//! so every file is read back as every runtime reads it, and what closes the way around
//! the gateway is checked, before it is handed out.

mod containerd;
mod docker;
pub mod doctor;
mod error;
mod gateway;
mod hosts_toml;
mod plain_toml;
mod plan;
mod registries_conf;
mod runtime;
#[cfg(test)]
mod tests;

pub use error::NodesError;
pub use gateway::{GatewayUrl, NodeCa, NodeGateway};
pub use plan::plan;
pub use runtime::{NodeFile, Runtime, UnknownRuntime};
