//! The trust records: SQL on disk, and the complete index in memory that it owns.
//!
//! Every write is a verb of [`Ledger`] that commits, then changes the index, then
//! returns. No other room remembers evidence or verdicts, and no other knows SQL.

mod alias;
mod backup;
mod change;
mod closures;
mod columns;
mod config;
mod decisions;
mod error;
mod evidence;
mod facts;
mod first_reported;
mod follow;
mod index;
mod load;
mod membership;
mod open;
mod open_transaction;
mod overrides;
mod overrides_index;
mod promotions;
mod report_items;
mod resubmission;
mod revocations;
mod scans;
mod submitted;
mod token_holders;
mod tokens;
mod unbound;
mod verb_timer;
mod verdict_cache;
mod withdraw;
mod write;
mod write_health;

pub use alias::Alias;
pub use backup::BackupContents;
pub use config::LedgerOptions;
pub use decisions::DecisionFilter;
pub use error::LedgerError;
pub use facts::PullFact;
pub use index::Index;
pub use open::{Ledger, LedgerAccess};
pub use overrides::{EarlyEnd, NewBreakGlass, NewTimedMode};
pub use promotions::NewPromotion;
pub use revocations::{NewRevocation, Reinstatement};
pub use submitted::{NewScan, ScanTarget};
pub use token_holders::TokenRecord;
pub use tokens::NewToken;
pub use unbound::BindScans;
pub use withdraw::Withdrawn;
pub use write_health::WriteFailure;
