//! The trust records: SQL on disk, and the complete index in memory that it owns.
//!
//! Every write is a verb of [`Ledger`] that commits, then changes the index, then
//! returns. No other room remembers evidence or verdicts, and no other knows SQL.

mod acts;
mod alias;
mod attributed;
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
mod known_images;
mod last_passes;
mod load;
mod loss;
mod membership;
mod new_scan;
mod open;
mod open_transaction;
mod overrides;
mod overrides_index;
mod placement;
mod promotions;
mod report_items;
mod reported;
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

pub use acts::{ActFilter, NewAct, RecordedAct};
pub use alias::Alias;
pub use attributed::{ActOrigin, Attributed};
pub use backup::BackupContents;
pub use config::LedgerOptions;
pub use decisions::DecisionFilter;
pub use error::LedgerError;
pub use facts::PullFact;
pub use index::Index;
pub use known_images::{KnownImage, KnownPlace, ScanCoverage};
pub use loss::LedgerLoss;
pub use new_scan::{NewScan, ScanTarget};
pub use open::{Ledger, LedgerAccess};
pub use overrides::{EarlyEnd, NewBreakGlass, NewTimedMode};
pub use promotions::NewPromotion;
pub use reported::Reported;
pub use revocations::{NewRevocation, Reinstatement};
pub use token_holders::TokenRecord;
pub use tokens::NewToken;
pub use unbound::BindScans;
pub use withdraw::Withdrawn;
pub use write_health::WriteFailure;
