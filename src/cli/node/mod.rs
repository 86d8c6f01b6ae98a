//! `sekisho node`: what runs on nodes.

mod agent;
mod arguments;
mod command;

pub use command::NodeArgs;
