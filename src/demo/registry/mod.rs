//! A registry in memory, HTTP/1.1 on a loopback port of its own: the pull half
//! of the distribution specification, with tokens, ranges and referrers.

mod answer;
mod auth;
mod content;
mod fault;
mod route;
mod server;
mod tally;

pub use auth::{Auth, Bearer, Login};
pub use fault::{Fault, Hold};
pub use route::Kind;
pub use server::Registry;
pub use tally::Seen;
