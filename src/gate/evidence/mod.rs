//! What is known of a subject, from every source of evidence.

mod bases;
mod facts;
mod others;
mod sources;
mod vouch;

pub(super) use facts::PullFacts;
pub(super) use others::Doubts;
pub(super) use sources::{Gathered, Sources};
