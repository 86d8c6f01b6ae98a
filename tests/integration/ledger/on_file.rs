//! The tests of both databases, on a file.

use super::records::{self, Place};
use crate::lab::Missing;

fn place() -> Result<Place, Missing> {
    Ok(Place::new())
}

#[path = "audit_seals.rs"]
mod audit_seals;
#[path = "concurrent.rs"]
mod concurrent;
#[path = "decided.rs"]
mod decided;
#[path = "due.rs"]
mod due;
#[path = "evidence.rs"]
mod evidence;
#[path = "following.rs"]
mod following;
#[path = "known.rs"]
mod known;
#[path = "leave.rs"]
mod leave;
#[path = "loading.rs"]
mod loading;
#[path = "named.rs"]
mod named;
#[path = "nodes.rs"]
mod nodes;
#[path = "places.rs"]
mod places;
#[path = "replicas.rs"]
mod replicas;
#[path = "resubmitting.rs"]
mod resubmitting;
#[path = "standing.rs"]
mod standing;
#[path = "tokens.rs"]
mod tokens;
#[path = "unbound.rs"]
mod unbound;
