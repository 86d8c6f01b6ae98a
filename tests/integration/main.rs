//! The one integration-test binary. Its tree mirrors the doors.
// A test that cannot go on should stop right there.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod admin;
mod admission;
mod agents;
mod app;
mod bypass;
mod cli;
mod config;
mod console;
mod differential;
mod docs;
mod drills;
mod faults;
mod house;
mod judgement;
mod kit;
mod kubernetes;
mod lab;
mod ledger;
mod model;
mod node_agent;
mod readme;
mod registry;
mod remote;
mod run;
mod runtimes;
mod upstream;
