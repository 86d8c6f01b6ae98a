//! All cases.

use super::{Case, contents, freshness, lifted, papers, severities, sources, withdrawn};

/// The table.
pub fn cases() -> Vec<Case> {
    [
        papers::cases(),
        contents::cases(),
        contents::other_cases(),
        severities::cases(),
        freshness::cases(),
        sources::cases(),
        withdrawn::cases(),
        lifted::cases(),
    ]
    .concat()
}
