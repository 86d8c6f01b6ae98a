//! What is written down of a pull: decisions, their making and their writer.

mod act_log;
mod audit_loss;
mod backlog;
mod decision;
mod denied_images;
mod feed;
mod feed_places;
mod feed_reader;
mod health;
mod index_quota;
mod open_denials;
mod recent;
mod recent_pulls;
mod recorded_passes;
mod recorder;
mod write;

pub use act_log::{ActLog, ActsNotLogged};
pub use audit_loss::{AuditLossRule, OnAuditLoss};
pub(super) use decision::{JudgedRequest, RequestRecord};
pub use feed::{DecisionFeed, FedDecision, FeedError, FeedStart};
pub use feed_reader::FeedReader;
pub use health::{RecordHealth, RecordStoreState};
pub use recent::{RECENT, RecentDecisions, RecentDenial};
pub use recorder::{Recorder, RecorderConfig};
pub(super) use recorder::{Records, shown_warnings};
pub use write::DecisionWriter;
