//! The gate: the one place where resolve, judge, fetch and record meet.
//!
//! A pull walks `gate.rs` as one line: may this listener ask for it, what digest is
//! meant, is that digest permitted, and only then a byte. Each step is a part with its
//! own file or folder: `resolve`, `judge` (from `closures` and `evidence`), `record`,
//! `serve`.
//! Doors ask this room only; it returns content to serve, or a ready answer that says why
//! not.

mod admit;
mod attachments;
mod blob;
mod blob_walks;
mod closures;
mod denied_records;
mod evidence;
mod failures;
mod forecast;
#[expect(
    clippy::module_inception,
    reason = "the room is called after what doors hold"
)]
mod gate;
mod inspect;
mod judge;
mod list_budget;
mod node_denials;
mod parts;
mod pull;
mod reading;
mod reading_memory;
mod record;
mod referrers;
mod refusal;
mod rejudge;
mod replay;
mod rescan;
mod resolve;
mod serve;
mod serve_blob;
mod tags;
mod traced;
mod unpushed;
mod unread;
mod unrecorded_denials;
mod upstreams;
mod withheld;

pub use admit::{AdmissionContext, AdmissionOutcome};
pub use forecast::{FORESEEN_AT_ONCE, Forecast, ForecastCause, ForeseenDenial, LookAhead, Outlook};
pub use gate::Gate;
pub use inspect::{InspectError, InspectedImage, Inspector};
pub use node_denials::NodeRefusal;
pub use parts::GateParts;
pub use pull::{Client, ExposureInput, Listener, Pull, RequestTarget};
pub use record::{
    ActLog, ActsNotLogged, AuditLossRule, DecisionFeed, DecisionWriter, FedDecision, FeedError,
    FeedReader, FeedStart, OnAuditLoss, RECENT, RecentDecisions, RecentDenial, RecordHealth,
    RecordStoreState, Recorder, RecorderConfig,
};
pub use refusal::{DenialAnswer, Refusal};
pub use rejudge::{ImageInUse, ImageUsage, RejudgeRound, Rejudger};
pub use replay::{Replay, ReplayChange, Replayed, VerdictSummary};
pub use rescan::{
    MAX_RESCAN_SUBJECTS, RescanDue, RescanForecast, RescanPage, RescanQuery, RescanReason,
};
pub use serve::{BlobContent, BlobPart, ServedBlob, ServedContent, ServedFrom, ServedManifest};
pub use tags::{MAX_TAGS_PER_PAGE, TagList};
pub use unpushed::{Unpushed, UnpushedJudge};
pub use unread::UnreadDigests;
pub use upstreams::{AddressError, ConfiguredUpstream, Namespace};

pub use crate::cache::CachedManifest as ReadyManifest;
