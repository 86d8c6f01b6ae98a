//! The one integration-test binary. Its tree mirrors the doors; `runtimes` are
//! the end-to-end tests with real clients, on the parts that `lab` starts.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test is a panic

mod lab;
mod runtimes;
