//! What agents on nodes are told: of each environment the digests that must not start, from
//! the ledger and its index, as a signed snapshot under the ledger's own number.
//!
//! [`denied`](denied_digests) gathers them, [`NodeFeed`] issues them, keeps what was said
//! before for as long as there is room, and holds who asks until there is something new.

mod denied_digests;
mod feed;
mod gather;
mod history;
mod issue;
mod permitted_digests;

pub use feed::{NodeAnswer, NodeFeed, NodeFeedError, NodeFeedParts};
pub use history::HeldSnapshot;
