//! Where on a node something was found, and what that is called there.

use crate::diagnosis::{Diagnosis, Gravity};
use crate::nodes::Runtime;

/// Where on a node something was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnNode {
    pub runtime: Runtime,
    /// The file, directory or socket that it is about.
    pub place: String,
}

pub(super) fn on_node(
    runtime: Runtime,
    gravity: Gravity,
    place: &str,
    what: impl Into<String>,
) -> Diagnosis<OnNode> {
    let place = place.to_owned();
    Diagnosis::new(OnNode { runtime, place }, gravity, what)
}

/// What it means for the question: can a denied image be pulled here? It can; it could
/// not be seen whether it can; it cannot by this.
pub const fn openness(gravity: Gravity) -> &'static str {
    match gravity {
        Gravity::Wrong => "open",
        Gravity::Unknown => "unproven",
        Gravity::Note => "note",
    }
}
