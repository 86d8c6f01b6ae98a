//! Which packages a person means: a plain name, or a package URL
//! (<https://github.com/package-url/purl-spec>).

use std::fmt;

use serde::{Deserialize, Deserializer};

use super::purl::{Purl, lookup_key};
use crate::report::{Finding, Package};

/// A package as a report names it.
#[derive(Clone, Copy, Debug)]
pub struct PackageRef<'a> {
    pub name: &'a str,
    pub version: &'a str,
    pub purl: Option<&'a str>,
}

impl<'a> From<&'a Finding> for PackageRef<'a> {
    fn from(finding: &'a Finding) -> Self {
        Self {
            name: &finding.package,
            version: &finding.installed,
            purl: finding.purl.as_deref(),
        }
    }
}

impl<'a> From<&'a Package> for PackageRef<'a> {
    fn from(package: &'a Package) -> Self {
        Self {
            name: &package.name,
            version: &package.version,
            purl: package.purl.as_deref(),
        }
    }
}

/// `zlib1g`, or `pkg:deb/debian/xz-utils@5.6.1-1?arch=amd64`: what a package URL
/// leaves out (namespace, version, qualifiers) is any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackagePattern {
    written: String,
    purl: Option<Purl>,
}

/// A text that names no package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no package; write a name, or pkg:type/namespace/name@version")]
pub struct PackagePatternError;

impl PackagePattern {
    /// Reads a package URL or the plain name of a package.
    ///
    /// # Errors
    /// [`PackagePatternError`] where it is neither.
    pub fn parse(text: &str) -> Result<Self, PackagePatternError> {
        let is_name = !text.is_empty() && !text.contains(char::is_whitespace);
        let purl = match text.starts_with("pkg:") {
            true => Some(Purl::parse(text).ok_or(PackagePatternError)?),
            false if is_name => None,
            false => return Err(PackagePatternError),
        };
        Ok(Self {
            written: text.to_owned(),
            purl,
        })
    }

    pub(super) fn written(&self) -> &str {
        &self.written
    }

    /// Without the namespace, version and qualifiers of a package URL.
    pub(super) fn name(&self) -> &str {
        let purl = self.purl.as_ref();
        purl.map_or(&self.written, |purl| &purl.name)
    }

    /// One of the [`ReadPackage::lookup_keys`] of each package that it may be.
    pub(super) fn lookup_key(&self) -> String {
        lookup_key(self.name())
    }

    /// Whether it is this package, as far as the report says. For exceptions: what the
    /// report leaves out is not assumed.
    pub(super) fn is_surely(&self, package: &ReadPackage<'_>) -> bool {
        match (&self.purl, &package.purl) {
            (None, _) => self.written == package.name,
            (Some(wanted), Some(found)) => wanted.covers(found, true),
            (Some(_), None) => false,
        }
    }

    /// Whether it could be this package. For blocks: what the report leaves out is
    /// assumed to match.
    pub(super) fn may_be(&self, package: &ReadPackage<'_>) -> bool {
        match (&self.purl, &package.purl) {
            (None, _) => self.written == package.name,
            (Some(wanted), Some(found)) => wanted.covers(found, false),
            (Some(wanted), None) => wanted.fits(package.name, package.version),
        }
    }
}

/// A package of a report whose URL is taken apart, once for all patterns.
pub(super) struct ReadPackage<'a> {
    name: &'a str,
    version: &'a str,
    purl: Option<Purl>,
}

impl<'a> ReadPackage<'a> {
    pub(super) fn of(package: impl Into<PackageRef<'a>>) -> Self {
        let package = package.into();
        Self {
            name: package.name,
            version: package.version,
            purl: package.purl.and_then(Purl::parse),
        }
    }

    /// A pattern with none of these does not mean it.
    pub(super) fn lookup_keys(&self) -> impl Iterator<Item = String> {
        let of_url = self.purl.as_ref().map(|purl| lookup_key(&purl.name));
        let of_name = lookup_key(self.name);
        let of_url = of_url.filter(|key| *key != of_name);
        std::iter::once(of_name).chain(of_url)
    }
}

impl fmt::Display for PackagePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.written)
    }
}

impl<'de> Deserialize<'de> for PackagePattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package<'a>(name: &'a str, version: &'a str, purl: Option<&'a str>) -> ReadPackage<'a> {
        ReadPackage::of(PackageRef {
            name,
            version,
            purl,
        })
    }

    const XZ: &str = "pkg:deb/debian/xz-utils@5.6.1-1?arch=amd64&distro=debian-13";

    #[test]
    fn what_a_pattern_leaves_out_is_any() {
        for pattern in [
            "xz-utils",
            "pkg:deb/debian/xz-utils",
            "pkg:deb/xz-utils@5.6.1-1",
            "pkg:DEB/debian/xz%2Dutils@5.6.1-1?arch=amd64",
        ] {
            let pattern = PackagePattern::parse(pattern).unwrap();
            let xz = package("xz-utils", "5.6.1-1", Some(XZ));
            assert!(pattern.is_surely(&xz) && pattern.may_be(&xz), "{pattern}");
        }
    }

    #[test]
    fn another_package_is_not_meant() {
        for pattern in [
            "xz",
            "pkg:rpm/debian/xz-utils",
            "pkg:deb/ubuntu/xz-utils",
            "pkg:deb/debian/xz-utils@5.6.0",
            "pkg:deb/debian/xz-utils@5.6.1-1?arch=arm64",
        ] {
            let pattern = PackagePattern::parse(pattern).unwrap();
            let xz = package("xz-utils", "5.6.1-1", Some(XZ));
            assert!(!pattern.is_surely(&xz) && !pattern.may_be(&xz), "{pattern}");
        }
    }

    #[test]
    fn what_a_report_leaves_out_is_assumed_for_harm_alone() {
        let pattern = PackagePattern::parse("pkg:deb/debian/xz-utils@5.6.1-1").unwrap();
        for found in [
            package("xz-utils", "5.6.1-1", None),
            package("xz-utils", "", None),
            package("x", "y", Some("pkg:deb/xz-utils")),
        ] {
            assert!(pattern.may_be(&found), "{}", found.name);
            assert!(!pattern.is_surely(&found), "{}", found.name);
        }
    }

    /// What means a package is found under its keys.
    #[test]
    fn a_pattern_is_found_under_a_key_of_each_package_that_it_may_be() {
        for (pattern, found) in [
            ("PyYAML", package("PyYAML", "6", None)),
            (
                "pkg:pypi/PyYAML",
                package("PyYAML", "6", Some("pkg:pypi/pyyaml@6")),
            ),
            (
                "pkg:pypi/zope.interface",
                package("zope-interface", "6", None),
            ),
            ("pkg:npm/%40evil/pkg", package("@Evil/Pkg", "1", None)),
            ("pkg:maven/org.x/log_j", package("org.x:log_j", "1", None)),
            (
                "pkg:deb/debian/a",
                package("other", "1", Some("pkg:deb/debian/a@1")),
            ),
            (
                "@evil/pkg",
                package("@evil/pkg", "1", Some("pkg:npm/%40evil/pkg@1")),
            ),
            ("_", package("_", "1", None)),
        ] {
            let pattern = PackagePattern::parse(pattern).unwrap();
            assert!(pattern.may_be(&found), "{pattern}");
            let mut keys = found.lookup_keys();
            assert!(keys.any(|key| key == pattern.lookup_key()), "{pattern}");
        }
    }

    #[test]
    fn refuses_what_names_no_package() {
        for bad in [
            "",
            " ",
            "two words",
            "pkg:",
            "pkg:deb",
            "pkg:deb/",
            "pkg:/x",
        ] {
            assert_eq!(
                PackagePattern::parse(bad),
                Err(PackagePatternError),
                "{bad}"
            );
        }
    }
}
