//! Which package somebody looks for: a name, a name with a version, or a package URL.

use super::package_pattern::ReadPackage;
use super::{PackagePattern, PackagePatternError, PackageRef};

/// `openssl`, `openssl@3.0.1`, or `pkg:deb/debian/openssl@3.0.1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageQuery {
    pattern: PackagePattern,
    /// Beside a plain name; a package URL holds its own.
    version: Option<String>,
}

impl From<PackagePattern> for PackageQuery {
    /// Whatever an advisory or exception means by it.
    fn from(pattern: PackagePattern) -> Self {
        Self {
            pattern,
            version: None,
        }
    }
}

impl PackageQuery {
    /// # Errors
    /// A text that names no package.
    pub fn parse(text: &str) -> Result<Self, PackagePatternError> {
        let (name, version) = match text.rsplit_once('@') {
            _ if text.starts_with("pkg:") => (text, None),
            // A scope such as npm's `@angular/core` is no version.
            Some((name, version)) if !name.is_empty() && !version.contains('/') => {
                (name, Some(version))
            }
            _ => (text, None),
        };
        if version.is_some_and(|version| version.trim().is_empty()) {
            return Err(PackagePatternError);
        }
        Ok(Self {
            pattern: PackagePattern::parse(name)?,
            version: version.map(str::to_owned),
        })
    }

    /// A plain name and the version beside it, where the query has both.
    pub fn name_of_version(&self) -> Option<(&str, &str)> {
        let version = self.version.as_deref()?;
        Some((self.pattern.written(), version))
    }

    /// The name that a report lists it under, but for its spelling and what stands before it.
    pub fn name(&self) -> &str {
        self.pattern.name()
    }

    /// Whether it could be this package, or the source that it was built from: what a report
    /// leaves out is assumed to match.
    pub fn may_be(&self, package: &PackageRef<'_>) -> bool {
        let versions = self.version.as_deref();
        let found = ReadPackage::of(*package);
        self.pattern.may_be(&found)
            && versions.is_none_or(|it| [package.version, found.source_version()].contains(&it))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, name: &str, version: &str, purl: Option<&str>) -> bool {
        let query = PackageQuery::parse(text).unwrap();
        query.may_be(&PackageRef {
            name,
            version,
            purl,
            source: None,
        })
    }

    #[test]
    fn a_name_means_every_version_and_one_with_a_version_that_one() {
        assert!(found("openssl", "openssl", "3.0.1", None));
        assert!(found("openssl@3.0.1", "openssl", "3.0.1", None));
        assert!(!found("openssl@3.0.1", "openssl", "3.0.2", None));
        assert!(!found("openssl", "libssl", "3.0.1", None));
    }

    #[test]
    fn a_scope_is_no_version_and_a_url_is_found_under_each_of_its_names() {
        assert!(found("@angular/core", "@angular/core", "17.0.0", None));
        assert!(found(
            "@angular/core@17.0.0",
            "@angular/core",
            "17.0.0",
            None
        ));
        let core = Some("pkg:npm/%40angular/core@17.0.0");
        let url = "pkg:npm/%40angular/core@17.0.0";
        assert!(found(url, "@angular/core", "17.0.0", core));
        let log4j = Some("pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1");
        let url = "pkg:maven/org.apache.logging.log4j/log4j-core";
        for name in ["org.apache.logging.log4j:log4j-core", "log4j-core"] {
            assert!(found(url, name, "2.14.1", log4j), "{name}");
        }
        assert!(!found(
            url,
            "log4j-core",
            "1",
            Some("pkg:maven/other/log4j-core@1")
        ));
    }

    #[test]
    fn refuses_what_names_no_package() {
        for bad in ["", "a b", "openssl@", "pkg:deb"] {
            assert!(PackageQuery::parse(bad).is_err(), "{bad}");
        }
    }
}
