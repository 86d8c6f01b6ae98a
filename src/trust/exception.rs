//! Exceptions: accepted risks with an end (rule 4).

use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

use super::PackagePattern;
use super::package_pattern::ReadPackage;
use crate::oci::{Repository, RepositoryGlobs};
use crate::report::Finding;

/// From so long before its end an exception is worth a warning.
pub(super) const EXPIRY_WARNING: SignedDuration = SignedDuration::from_hours(14 * 24);

/// Findings that are accepted in some images until a date.
#[derive(Clone, Debug)]
pub struct Exception {
    /// Where it is written: `team.toml#2`. Its name in records.
    pub id: String,
    /// Ids of vulnerabilities.
    pub vulnerabilities: Vec<String>,
    /// An operating system past its end of life is accepted.
    pub accepts_end_of_life: bool,
    pub images: RepositoryGlobs,
    /// In these packages alone; empty: in any.
    pub packages: Vec<PackagePattern>,
    pub reason: String,
    /// The issue in which it was decided.
    pub link: String,
    pub owner: String,
    pub expires: Timestamp,
}

/// An end as people write it: the last day, where it holds to the end of that, else the
/// moment.
pub fn told_end(end: Timestamp) -> String {
    let ended = end.to_zoned(TimeZone::UTC).datetime();
    match ended.time() == Time::midnight() {
        true => ended.date().saturating_sub(1.day()).to_string(),
        false => format!("{end:.0}"),
    }
}

impl Exception {
    /// Whether it holds for images of `repository` at `now`.
    pub fn holds(&self, repository: &Repository, now: Timestamp) -> bool {
        now < self.expires && self.images.matches(repository)
    }

    /// From when on its end is worth a warning.
    pub fn ends_soon_from(&self) -> Timestamp {
        self.expires
            .checked_sub(EXPIRY_WARNING)
            .unwrap_or(Timestamp::MIN)
    }

    /// Whether it accepts a finding: by the scanner's own id, or by all of the
    /// finding's CVEs. Never by one of several: a report supplies the aliases, and
    /// could name one that somebody accepted for something else.
    pub fn accepts(&self, finding: &Finding) -> bool {
        self.names(finding) && self.covers_package(finding)
    }

    fn names(&self, finding: &Finding) -> bool {
        names_for_sure(finding, |id| {
            let mut own = self.vulnerabilities.iter();
            own.any(|named| named.eq_ignore_ascii_case(id))
        })
    }

    fn covers_package(&self, finding: &Finding) -> bool {
        if self.packages.is_empty() {
            return true;
        }
        let found = ReadPackage::of(finding);
        let mut patterns = self.packages.iter();
        patterns.any(|pattern| pattern.is_surely(&found))
    }
}

/// Whether an exception, or an advisory that lowers, names the finding's own id or, where that
/// is no CVE, all of its CVEs. One that is only mentioned may be another vulnerability's: it
/// has to be named, too, and is never enough.
pub(super) fn names_for_sure(finding: &Finding, named: impl Fn(&str) -> bool) -> bool {
    if named(&finding.id) || is_cve(&finding.id) {
        return named(&finding.id);
    }
    let cves = || finding.aliases.iter().filter(|alias| is_cve(alias));
    let is_told = |cve: &&String| !finding.mentioned.contains(*cve);
    cves().any(|cve| is_told(&cve)) && cves().all(|cve| named(cve))
}

/// `CVE-2026-1234` and nothing more: an id that holds several is none of them.
fn is_cve(id: &str) -> bool {
    let (head, rest) = id.split_at_checked(4).unwrap_or_default();
    head.eq_ignore_ascii_case("cve-") && rest.bytes().all(|it| it.is_ascii_digit() || it == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_told_as_it_was_written() {
        for (end, told) in [
            ("2026-07-02T00:00:00Z", "2026-07-01"),
            ("2026-07-02T12:30:00Z", "2026-07-02T12:30:00Z"),
        ] {
            assert_eq!(told_end(end.parse().unwrap()), told);
        }
    }
}
