//! Which packages a person means: a plain name, or a package URL
//! (<https://github.com/package-url/purl-spec>).

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Deserializer};

use super::purl::{Purl, lookup_key};
use crate::report::{Finding, Package, SourcePackage, sourced};

/// A package as a report names it.
#[derive(Clone, Copy, Debug)]
pub struct PackageRef<'a> {
    pub name: &'a str,
    pub version: &'a str,
    pub purl: Option<&'a str>,
    /// What it was built from, where the report says that it is another.
    pub source: Option<&'a SourcePackage>,
}

impl<'a> From<&'a Finding> for PackageRef<'a> {
    fn from(finding: &'a Finding) -> Self {
        Self {
            name: &finding.package,
            version: &finding.installed,
            purl: finding.purl.as_deref(),
            source: finding.source.as_ref(),
        }
    }
}

impl<'a> From<&'a Package> for PackageRef<'a> {
    fn from(package: &'a Package) -> Self {
        Self {
            name: &package.name,
            version: &package.version,
            purl: package.purl.as_deref(),
            source: package.source.as_ref(),
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

    /// Whether it could be this package, or the source that it was built from. For blocks:
    /// what the report leaves out is assumed to match.
    pub(super) fn may_be(&self, package: &ReadPackage<'_>) -> bool {
        self.may_be_binary(package) || self.may_be_source_of(package)
    }

    fn may_be_binary(&self, package: &ReadPackage<'_>) -> bool {
        match (&self.purl, &package.purl) {
            (None, _) => self.written == package.name,
            (Some(wanted), Some(found)) => wanted.covers(found, false),
            (Some(wanted), None) => wanted.fits(package.name, package.version),
        }
    }

    /// Whether it could be the source that a package was built from. A version is that of the
    /// source, where the report says one.
    fn may_be_source_of(&self, package: &ReadPackage<'_>) -> bool {
        let Some(source) = package.source.as_deref() else {
            return false;
        };
        match (&self.purl, &package.purl) {
            (None, _) => self.written == source.name,
            (Some(wanted), Some(found)) => {
                wanted.covers_source_of(found, (&source.name, &source.version))
            }
            (Some(wanted), None) => wanted.fits(&source.name, package.source_version()),
        }
    }
}

/// A package of a report whose URL is taken apart, once for all patterns.
pub(super) struct ReadPackage<'a> {
    name: &'a str,
    version: &'a str,
    purl: Option<Purl>,
    source: Option<Cow<'a, SourcePackage>>,
}

impl<'a> ReadPackage<'a> {
    pub(super) fn of(package: impl Into<PackageRef<'a>>) -> Self {
        let package = package.into();
        Self {
            name: package.name,
            version: package.version,
            purl: package.purl.and_then(Purl::parse),
            // What was stored before sources were read has them in its URL.
            source: match package.source {
                Some(source) => Some(Cow::Borrowed(source)),
                None => package
                    .purl
                    .and_then(SourcePackage::of_purl)
                    .map(Cow::Owned),
            },
        }
    }

    /// Of the source, where the report says one; else its own.
    pub(super) fn source_version(&self) -> &str {
        let told = self.source.as_ref().map(|source| &*source.version);
        told.filter(|it| !it.is_empty()).unwrap_or(self.version)
    }

    /// As people are told of it where `patterns` mean it: with its source, where they mean
    /// that alone.
    pub(super) fn told(&self, patterns: &[PackagePattern]) -> String {
        let mut meant = patterns.iter().filter(|it| it.may_be(self)).peekable();
        let by_source = meant.peek().is_some() && !meant.any(|it| it.may_be_binary(self));
        let source = self.source.as_ref().filter(|_| by_source);
        sourced(self.name, self.version, source.map(|it| &*it.name))
    }

    /// A pattern with none of these does not mean it.
    pub(super) fn lookup_keys(&self) -> impl Iterator<Item = String> {
        let of_url = self.purl.as_ref().map(|purl| lookup_key(&purl.name));
        let of_name = lookup_key(self.name);
        let of_url = of_url.filter(|key| *key != of_name);
        let of_source = self.source.as_ref().map(|it| lookup_key(&it.name));
        std::iter::once(of_name).chain(of_url).chain(of_source)
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
            source: None,
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
    fn a_source_is_meant_for_harm_alone_by_its_own_version() {
        let url = "pkg:deb/debian/liblzma5@5.6.1-1%2Bb1?arch=amd64&distro=debian-13";
        let (upstream, bare) = (
            "pkg:deb/debian/liblzma5@5.6.1-1?upstream=xz-utils",
            SourcePackage {
                name: "xz-utils".to_owned(),
                version: "5.6.1-1".to_owned(),
            },
        );
        let binary = |purl, source| {
            ReadPackage::of(PackageRef {
                name: "liblzma5",
                version: "5.6.1-1+b1",
                purl,
                source,
            })
        };
        let all = [
            binary(Some(url), Some(&bare)),
            binary(None, Some(&bare)),
            binary(Some(upstream), None),
        ];
        for pattern in [
            "xz-utils",
            "pkg:deb/debian/xz-utils",
            "pkg:deb/debian/xz-utils@5.6.1-1",
            "pkg:deb/debian/xz-utils@5.6.1-1?arch=source",
        ] {
            let pattern = PackagePattern::parse(pattern).unwrap();
            for found in &all {
                assert!(pattern.may_be(found), "{pattern}");
                assert!(!pattern.is_surely(found), "{pattern}");
                let mut keys = found.lookup_keys();
                assert!(keys.any(|key| key == pattern.lookup_key()), "{pattern}");
            }
        }
        for pattern in [
            "xz",
            "pkg:deb/debian/xz-utils@5.6.0-1",
            "pkg:rpm/debian/xz-utils@1",
            "pkg:deb/ubuntu/xz-utils@5",
        ] {
            let pattern = PackagePattern::parse(pattern).unwrap();
            assert!(!all.iter().any(|it| pattern.may_be(it)), "{pattern}");
        }
        let foreign = PackagePattern::parse("pkg:deb/debian/xz-utils?arch=arm64").unwrap();
        assert!(!foreign.may_be(&all[0]));
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
