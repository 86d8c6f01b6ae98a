//! The trust records: SQL on disk, and the complete index in memory that it owns.
//!
//! Every write is a verb of [`Ledger`] that commits, then changes the index, then
//! returns. No other room remembers evidence or verdicts, and no other knows SQL.

mod alias;
mod backup;
mod change;
mod closures;
mod config;
mod decisions;
mod error;
mod evidence;
mod facts;
mod follow;
mod held_leave;
mod holders;
mod index;
mod leave;
mod listed;
mod load;
mod membership;
mod named;
mod open;
mod promotions;
mod revocations;
mod scans;
mod standings;
mod stored;
mod submitted;
mod timed;
mod tokens;
mod unbound;
mod withdraw;
mod write;

pub use alias::Alias;
pub use backup::Verified;
pub use config::Config;
pub use decisions::DecisionFilter;
pub use error::LedgerError;
pub use facts::Fact;
pub use holders::Token;
pub use index::Index;
pub use leave::{NewBreakGlass, NewTimedMode};
pub use open::{Access, Ledger};
pub use promotions::NewPromotion;
pub use revocations::{NewRevocation, Reinstatement};
pub use submitted::{NewScan, ScanTarget};
pub use tokens::NewToken;
pub use unbound::BindScans;
pub use withdraw::Withdrawn;
