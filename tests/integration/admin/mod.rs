//! The admin API of a whole gateway, asked over its socket.

mod decisions;
mod document;
pub mod lab;
mod promotions;
mod revocations;
mod scans;
mod strangers;
mod tokens;
