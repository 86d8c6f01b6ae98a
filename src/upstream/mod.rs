//! Client of remote registries.

mod client;

pub use client::*;
