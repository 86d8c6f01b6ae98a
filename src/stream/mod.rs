//! Bytes on their way to a client: in memory, in a file, in a file that still
//! grows, or passing through. One type, [`Chunks`], knows how many will come.
//!
//! This room reads files that others opened; it never opens one.

mod buffer;
mod chunks;
mod file;
mod filled;
mod growing;
mod piece_budget;
mod range;
mod shared_file;

#[cfg(test)]
mod tests;

pub use chunks::Chunks;
pub use growing::{GrowingFile, GrowingWriter, ReaderWish, WITHHELD_TAIL_BYTES, growing_file};
pub use piece_budget::PieceBudget;
pub use range::{ByteRange, RangeUnsatisfiable};
pub use shared_file::SharedFile;
