//! The one integration-test binary. Its tree mirrors the doors; `runtimes` are
//! the end-to-end tests with real clients, on the parts that `lab` starts.
// A test that cannot go on should stop right there.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod cli;
mod config;
mod house;
mod lab;
mod ledger;
mod runtimes;
mod upstream;
