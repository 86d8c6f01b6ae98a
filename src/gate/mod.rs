//! The checkpoint: the one place where resolve, judge, fetch and record meet.
//!
//! A pull walks `pull.rs` from top to bottom: may this listener ask for it, what
//! digest is meant, is that digest permitted, and only then a byte. Doors ask
//! this room and nobody else; what they get back is either served content or a
//! ready answer that says why not.

mod address;
mod admit;
mod answer;
mod ask;
mod bases;
mod binding;
mod blob;
mod check;
mod checkpoint;
mod closures;
mod due;
mod evidence;
mod facts;
mod intake;
mod judged;
mod listener;
mod listing;
mod pull;
mod record;
mod refusal;
mod replay;
mod resolve;
mod serve;
mod unpushed;
mod vouch;
mod write;

pub use address::{Misaddressed, Namespace, Target};
pub use admit::{Admission, Admitted};
pub use answer::DenialAnswer;
pub use ask::Pull;
pub use blob::{Content, ServedBlob, Wanted};
pub use check::Asked;
pub use checkpoint::{Gate, Parts};
pub use due::{Cause, Due, Survey};
pub use intake::{InspectError, Inspected};
pub use listener::{Asker, Listener};
pub use listing::{TAGS_PAGE, TagList};
pub use pull::{ServedManifest, Source};
pub use record::{Recorder, RecorderConfig};
pub use refusal::Refusal;
pub use replay::{Change, Replay, Replayed, Told};
pub use resolve::{Reachable, Resolved};
pub use unpushed::Unpushed;
pub use write::DecisionWriter;

pub use crate::cache::CachedManifest as ReadyManifest;
