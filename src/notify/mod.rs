//! Notifications: what people are to hear of without asking, sent over HTTP.
//!
//! Nothing of it is on the path of a decision. What is told was recorded first: decisions,
//! acts, and what judging again found, each read behind a cursor that the ledger keeps
//! with the messages that wait. So a restart loses none of them. Many things of one kind
//! in one environment are one message with a count.

mod condition;
mod error;
mod event;
mod format;
mod gather;
mod group;
mod guard;
mod message;
mod notifier;
mod sender;
mod sources;
mod target;

pub use condition::TargetCondition;
pub use error::{NotifyError, SendError};
pub use event::{NoticeKind, NoticeSample};
pub use notifier::{ForecastSource, Notifier, TestResult};
pub use target::{MessageFormat, NotifyFiles, NotifySecrets, NotifyTarget};
