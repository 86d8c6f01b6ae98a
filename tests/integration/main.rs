//! The one integration-test binary. Its tree mirrors the doors.
// A test that cannot go on should stop right there.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod cli;
mod config;
mod house;
mod kit;
mod ledger;
mod registry;
