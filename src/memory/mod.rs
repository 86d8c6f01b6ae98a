//! Bounded memory: a map with a limit in bytes and a time to live.
//!
//! Everything that is remembered of requests, upstreams and verdicts lies in a
//! [`BoundedMemory`], so that no number and no length of names that clients
//! send can fill the process's memory.

mod bounded;
mod heap_size;

pub use bounded::{BoundedMemory, GetOrInsert, Validity};
pub use heap_size::HeapSize;
