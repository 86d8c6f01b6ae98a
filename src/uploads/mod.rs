//! Bodies that clients send: bounded for each sender, kept on the disk while they
//! come, and brought into memory only when they are read.
//!
//! - A sender has a few uploads at once; more wait a while, and more than that are
//!   refused. Nobody waits for what another sender leaves unfinished.
//! - A body that stops coming, or comes too slowly, is given up.
//! - What is longer than a mebibyte goes to a file that has no name any more, so
//!   that nothing is left of it when the program ends, however it ends.
//! - The text of all bodies that are in memory at the same time is bounded.

mod config;
mod disk;
mod error;
mod memory;
mod pace;
mod receive;
mod turns;

#[cfg(test)]
mod tests;

pub use config::UploadConfig;
pub use error::UploadError;
pub use receive::{Upload, UploadText, Uploads};
