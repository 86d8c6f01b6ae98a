//! The registry door: the pull half of the OCI distribution API.
//!
//! One service per connection. It first tries the fast lane, which is
//! synchronous and reads memory and open files only; what needs waiting takes the layered
//! path. Both ask the same gate, and `answer.rs` turns every refusal into a
//! response in one match.

mod answer;
mod blob_answer;
mod door;
mod fast;
mod handle;
mod route;
mod serve;
#[cfg(test)]
mod tests;

pub use door::{ClientAuth, Registry};
pub use serve::RegistryService;
