//! Advisories of the security department on vulnerabilities, packages and digests (rule
//! 5). They take effect at once, also on images that were promoted long ago.

use jiff::Timestamp;

use super::exception::{EXPIRY_WARNING, names_for_sure};
use super::package_pattern::ReadPackage;
use super::{PackagePattern, PackageRef};
use crate::oci::Digest;
use crate::report::{Finding, Severity};

/// What an advisory does to what it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing that holds it is served.
    Block,
    /// It counts as at least so severe.
    Raise(Severity),
    /// It counts as at most so severe.
    Lower(Severity),
}

/// An entry of the security department.
#[derive(Clone, Debug)]
pub struct Advisory {
    /// Its own name: `SEC-2026-014`.
    pub id: String,
    pub vulnerabilities: Vec<String>,
    pub packages: Vec<PackagePattern>,
    pub digests: Vec<Digest>,
    pub effect: Effect,
    pub reason: String,
    pub link: String,
    /// `None`: until it is taken back. One that lowers has an end always.
    pub expires: Option<Timestamp>,
}

impl Advisory {
    pub fn holds(&self, now: Timestamp) -> bool {
        self.expires.is_none_or(|end| now < end)
    }

    /// From when on its end is worth a warning.
    pub fn ends_soon_from(&self) -> Option<Timestamp> {
        let soon = |end: Timestamp| end.checked_sub(EXPIRY_WARNING).unwrap_or(Timestamp::MIN);
        self.expires.map(soon)
    }

    /// Whether it speaks of a finding. What makes things worse matches any alias,
    /// and any package that may be the one meant; what makes them better must be
    /// sure, since reports supply both. `package`: that of the finding.
    pub(super) fn concerns(&self, finding: &Finding, package: &ReadPackage<'_>) -> bool {
        match self.effect {
            Effect::Block | Effect::Raise(_) => {
                let mut ids = std::iter::once(&finding.id).chain(&finding.aliases);
                ids.any(|id| self.names(id)) || self.may_mean(package)
            }
            Effect::Lower(_) => {
                let mut packages = self.packages.iter();
                names_for_sure(finding, |id| self.names(id))
                    || packages.any(|pattern| pattern.is_surely(package))
            }
        }
    }

    /// Whether one of its packages may be this one.
    pub(super) fn may_mean(&self, package: &ReadPackage<'_>) -> bool {
        let mut patterns = self.packages.iter();
        patterns.any(|pattern| pattern.may_be(package))
    }

    /// A package that it may mean, as people are told of it: with its source, where it means
    /// that.
    pub(super) fn told<'p>(&self, package: impl Into<PackageRef<'p>>) -> String {
        ReadPackage::of(package).told(&self.packages)
    }

    fn names(&self, id: &str) -> bool {
        let mut own = self.vulnerabilities.iter();
        own.any(|named| named.eq_ignore_ascii_case(id))
    }
}
