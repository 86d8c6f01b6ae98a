//! The append-only decision log: JSON, one record a line.
//!
//! It is the record of what the gate answered; the ledger keeps a prunable index
//! of it. Files may be rotated by renaming: the next batch goes to a new file.

mod chain;
mod chain_runs;
mod config;
mod files;
mod in_hand;
mod known_end;
mod listed;
mod log;
mod logged_acts;
mod newest_mark;
mod own_file;
mod record;
mod resume;
mod rotate;
mod sound_acts;
mod verify;
mod writer;

#[cfg(test)]
mod sound_acts_tests;
#[cfg(test)]
mod tampering;
#[cfg(test)]
mod tests;

pub use chain::{ChainEnd, ChainLink};
pub use config::{AuditError, AuditOptions, AuditTarget};
pub use known_end::{KnownEnd, log_place};
pub use log::Audit;
pub use logged_acts::{UnreadPart, log_files};
pub use newest_mark::newest_mark;
pub use record::{AUDIT_SCHEMA, AuditRecord};
pub use rotate::AuditRotation;
pub use sound_acts::{ActDoubt, DoubtfulAct, KnownLogs, ReadLogs, SoundActs, read_sound_acts};
pub use verify::{AuditCheck, ChainFault, UnsealedLines, check_log};
