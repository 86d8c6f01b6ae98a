//! The Node Resource Interface of container runtimes, from a plugin's side: what goes over
//! the runtime's socket, as bytes in and bytes out. Pure.
//!
//! One connection (`trunk`) carries two, each of which speaks ttrpc (`ttrpc`): by the one the
//! runtime asks the plugin, by the other the plugin registers. `messages` holds of NRI's
//! messages what is read here, `call` what they mean. [`PluginSession`] puts it together; who
//! holds one reads the socket into it and writes what it gives.
//!
//! Whatever the other side sends, no more is kept than two messages of 4 MiB, and what cannot
//! be read ends the session: the runtime goes on without the plugin.

mod call;
mod container;
mod error;
mod messages;
mod session;
mod trunk;
mod ttrpc;

#[cfg(test)]
mod tests;

pub use call::{Call, Reply, RuntimeIdentity};
pub use container::{ContainerImage, ContainerInPod};
pub use error::NriError;
pub use session::{Incoming, PluginName, PluginSession};
