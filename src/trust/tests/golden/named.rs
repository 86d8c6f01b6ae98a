//! By which of a finding's ids an exception accepts it, and an advisory lowers it (rules 4
//! and 5): reports supply them.

use super::Expected::*;
use super::sekisho::report::Severity;
use super::sekisho::trust::DenialReason::*;
use super::sekisho::trust::Effect;
use super::vulnerability_policy::{advised, exception, with_finding};
use super::{Case, case};

/// A finding by its ids, under an exception for `CVE-2026-1234`.
fn aliased(id: &str, aliases: &[&str]) -> impl FnOnce(&mut Case) {
    mentioning(id, aliases, &[])
}

/// The same, where ids stand in links and texts, too.
fn mentioning(id: &str, aliases: &[&str], mentioned: &[&str]) -> impl FnOnce(&mut Case) {
    let owned = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
    let (id, mut aliases, mentioned) = (id.to_owned(), owned(aliases), owned(mentioned));
    aliases.extend(mentioned.clone());
    move |c| {
        c.exceptions = vec![exception()];
        with_finding(c, |finding| {
            finding.id = id;
            finding.aliases = aliases;
            finding.mentioned = mentioned;
        });
    }
}

pub fn by_exceptions() -> Vec<Case> {
    vec![
        case(
            4,
            "takes an exception by the only CVE of a finding",
            Allowed,
            aliased("GHSA-1", &["CVE-2026-1234", "DSA-1"]),
        ),
        case(
            4,
            "denies where one of two CVEs is accepted",
            Denied(&[TooSevere]),
            aliased("GHSA-1", &["CVE-2026-1234", "CVE-2026-5"]),
        ),
        case(
            4,
            "accepts a CVE by no other beside it",
            Denied(&[TooSevere]),
            aliased("CVE-2026-5", &["CVE-2026-1234"]),
        ),
        case(
            4,
            "accepts a CVE whatever stands beside it",
            Allowed,
            mentioning("CVE-2026-1234", &["CVE-2026-5"], &["CVE-2026-6"]),
        ),
        case(
            4,
            "accepts an id of two CVEs by neither",
            Denied(&[TooSevere]),
            aliased("CVE-2026-1234 CVE-2026-5", &["CVE-2026-1234", "CVE-2026-5"]),
        ),
        case(4, "accepts an id of two CVEs by both", Allowed, |c| {
            aliased("CVE-2026-1234 CVE-2026-5", &["CVE-2026-1234", "CVE-2026-5"])(c);
            let both = &mut c.exceptions[0].vulnerabilities;
            both.push("CVE-2026-5".to_owned());
        }),
        case(
            4,
            "accepts nothing by a CVE that is only mentioned",
            Denied(&[TooSevere]),
            mentioning("GHSA-1", &[], &["CVE-2026-1234"]),
        ),
        case(
            4,
            "denies where a CVE that is mentioned is not accepted",
            Denied(&[TooSevere]),
            mentioning("GHSA-1", &["CVE-2026-1234"], &["CVE-2026-5"]),
        ),
        case(
            4,
            "takes no exception by an alias that is no CVE",
            Denied(&[TooSevere]),
            |c| {
                aliased("GHSA-1", &["DSA-1"])(c);
                c.exceptions[0].vulnerabilities = vec!["DSA-1".to_owned()];
            },
        ),
    ]
}

/// A finding by its ids, under an advisory on `CVE-2026-1234`.
fn under(effect: Effect, of: impl FnOnce(&mut Case)) -> impl FnOnce(&mut Case) {
    move |c| {
        of(c);
        c.exceptions.clear();
        advised(effect)(c);
    }
}

const LOWER: Effect = Effect::Lower(Severity::Low);

pub fn by_advisories() -> Vec<Case> {
    vec![
        case(
            5,
            "lowers nothing by one of several CVEs",
            Denied(&[TooSevere]),
            under(LOWER, aliased("GHSA-1", &["CVE-2026-1234", "CVE-2026-5"])),
        ),
        case(
            5,
            "lowers a CVE by no other beside it",
            Denied(&[TooSevere]),
            under(LOWER, aliased("CVE-2026-5", &["CVE-2026-1234"])),
        ),
        case(
            5,
            "lowers nothing by a CVE that is only mentioned",
            Denied(&[TooSevere]),
            under(LOWER, mentioning("GHSA-1", &[], &["CVE-2026-1234"])),
        ),
        case(
            5,
            "blocks what only mentions the CVE",
            Denied(&[BlockedByAdvisory, TooSevere]),
            under(Effect::Block, mentioning("GHSA-1", &[], &["CVE-2026-1234"])),
        ),
    ]
}
