//! A registry in memory, HTTP/1.1 on a loopback port of its own: the pull half
//! of the distribution specification, with tokens, ranges and referrers.

mod answer;
mod auth;
mod content;
mod fault;
mod request_log;
mod route;
mod server;

pub use auth::{Bearer, DemoAuth, Login};
pub use fault::{Fault, Hold};
pub use request_log::SeenRequest;
pub use route::RequestKind;
pub use server::DemoRegistry;
