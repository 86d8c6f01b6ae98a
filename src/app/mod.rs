//! Composition: the configuration, the log, and how the parts are put together.

pub mod config;
pub mod logging;
