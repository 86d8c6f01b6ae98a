//! What the program remembers for a while: bounded in bytes and in time.
//!
//! Everything that is remembered of requests, upstreams and verdicts lies in a
//! [`BoundedMemory`], so that no number and no length of names that clients
//! send can fill the process's memory.

mod bounded;
mod heap_size;

pub use bounded::{BoundedMemory, Held, Validity};
pub use heap_size::HeapSize;
