//! Moving a ledger from one database to another, whole, and checked row by row.

mod cell;
mod copying;
mod end;
mod fingerprint;
mod numbering;
mod reading;
mod shape;
mod writing;

pub(super) use copying::MOVED;
pub use copying::{CopiedLedger, CopyProgress, CopyStage, copy_ledger};
