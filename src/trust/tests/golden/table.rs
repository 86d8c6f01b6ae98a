//! All cases.

use super::{
    Case, built_from, contents, evidence, freshness, lifted, named, origin, overrides, severities,
    sources, vulnerability_policy, withdrawn,
};

/// The table.
pub fn cases() -> Vec<Case> {
    [
        evidence::cases(),
        contents::cases(),
        contents::other_cases(),
        severities::cases(),
        freshness::cases(),
        sources::cases(),
        withdrawn::cases(),
        lifted::cases(),
        vulnerability_policy::exceptions(),
        named::by_exceptions(),
        vulnerability_policy::blocks(),
        named::by_advisories(),
        built_from::cases(),
        vulnerability_policy::ratings(),
        overrides::break_glass(),
        overrides::modes(),
        origin::ages(),
        origin::bases(),
        origin::reports(),
    ]
    .concat()
}
