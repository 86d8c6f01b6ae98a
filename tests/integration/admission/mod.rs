//! The webhooks' door in front of a running gate.

mod agreement;
mod claims;
mod crossing;
pub mod door;
mod limits;
mod modes;
mod mutating;
mod overload;
mod protocol;
mod validating;

use door::{Door, Tried, pod, review};
