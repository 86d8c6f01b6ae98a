//! Sekisho: a registry gateway that enforces trusted pulls.
//!
//! The rooms stand on floors and import only from below; `docs/architecture.md`
//! draws them, and a test keeps the law.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod access;
pub mod demo;
pub mod metrics;
pub mod oci;
pub mod report;
pub mod tasks;
pub mod upstream;
