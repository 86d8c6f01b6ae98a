//! All cases.

use super::{
    Case, contents, freshness, leave, lifted, notices, origin, papers, severities, sources,
    withdrawn,
};

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
        notices::exceptions(),
        notices::blocks(),
        notices::ratings(),
        leave::break_glass(),
        leave::modes(),
        origin::ages(),
        origin::bases(),
        origin::reports(),
    ]
    .concat()
}
