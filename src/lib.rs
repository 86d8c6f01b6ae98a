//! Sekisho: a registry gateway that enforces trusted pulls.
//!
//! The rooms stand on floors and import only from below; `docs/architecture.md`
//! draws them, and a test keeps the law.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]
// They panic where nobody reads; `cli::output` and `cli::aside` do not.
#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod access;
pub mod admin;
pub mod admission;
pub mod agents;
pub mod api;
pub mod app;
pub mod audit;
pub mod cache;
pub mod cli;
pub mod clock;
pub mod console;
pub mod demo;
pub mod diagnosis;
pub mod file_access;
pub mod flight;
pub mod gate;
pub mod http;
pub mod http_client;
pub mod kubernetes;
pub mod ledger;
pub mod memory;
pub mod metrics;
pub mod node_agent;
pub mod node_feed;
pub mod node_snapshot;
pub mod nodes;
pub mod notify;
pub mod nri;
pub mod oci;
pub mod ops;
pub mod random;
pub mod registry;
pub mod replica_count;
pub mod report;
pub mod spans;
pub mod storage_fault;
pub mod stream;
pub mod tasks;
#[cfg(test)]
mod tests;
pub mod tls;
pub mod traces;
pub mod trust;
pub mod uploads;
pub mod upstream;
