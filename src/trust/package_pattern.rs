//! Which packages a person means: a plain name, or a package URL
//! (<https://github.com/package-url/purl-spec>).

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Deserializer};

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

/// A package URL, taken apart and decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Purl {
    kind: String,
    namespace: Option<String>,
    name: String,
    version: Option<String>,
    qualifiers: Vec<(String, String)>,
}

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

    /// The names under which a report may list it: of a package URL also those with its
    /// namespace, as languages write them.
    pub(super) fn names(&self) -> Vec<String> {
        let Some(purl) = &self.purl else {
            return vec![self.written.clone()];
        };
        let mut names = vec![purl.name.clone()];
        if let Some(namespace) = &purl.namespace {
            names.push(format!("{namespace}/{}", purl.name));
            names.push(format!("{namespace}:{}", purl.name));
        }
        names
    }

    /// Whether it is this package, as far as the report says. For exceptions: what the
    /// report leaves out is not assumed.
    pub(super) fn is_surely(&self, package: &PackageRef<'_>) -> bool {
        match (&self.purl, package.purl.and_then(Purl::parse)) {
            (None, _) => self.written == package.name,
            (Some(wanted), Some(found)) => wanted.covers(&found, true),
            (Some(_), None) => false,
        }
    }

    /// Whether it could be this package. For blocks: what the report leaves out is
    /// assumed to match.
    pub(super) fn may_be(&self, package: &PackageRef<'_>) -> bool {
        match (&self.purl, package.purl.and_then(Purl::parse)) {
            (None, _) => self.written == package.name,
            (Some(wanted), Some(found)) => wanted.covers(&found, false),
            (Some(wanted), None) => wanted.fits(package.name, package.version),
        }
    }
}

impl Purl {
    /// `scheme:type/namespace/name@version?qualifiers#subpath`, read from the right
    /// as the specification says. Types and qualifier keys fold case.
    fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("pkg:")?.trim_start_matches('/');
        let rest = rest.split_once('#').map_or(rest, |(rest, _)| rest);
        let (rest, qualifiers) = rest.split_once('?').unwrap_or((rest, ""));
        let (path, version) = match rest.rsplit_once('@') {
            // A namespace such as npm's `@angular` is no version.
            Some((path, version)) if !version.contains('/') => (path, Some(version)),
            _ => (rest, None),
        };
        let (kind, path) = path.split_once('/')?;
        let path = path.trim_matches('/');
        let (namespace, name) = match path.rsplit_once('/') {
            Some((namespace, name)) => (Some(decode(namespace).into_owned()), name),
            None => (None, path),
        };
        let name = decode(name).into_owned();
        let qualifier = |pair: &str| {
            let (key, value) = pair.split_once('=')?;
            Some((key.to_ascii_lowercase(), decode(value).into_owned()))
        };
        (!kind.is_empty() && !name.is_empty()).then(|| Self {
            kind: kind.to_ascii_lowercase(),
            namespace,
            name,
            version: version.map(|version| decode(version).into_owned()),
            qualifiers: qualifiers.split('&').filter_map(qualifier).collect(),
        })
    }

    /// Whether all that it says is said of `other`. `strictly`: what `other`
    /// leaves out is missing; else it may be anything.
    fn covers(&self, other: &Self, strictly: bool) -> bool {
        let agrees = |wanted: Option<&String>, found: Option<&String>| match (wanted, found) {
            (None, _) => true,
            (Some(wanted), Some(found)) => wanted == found,
            (Some(_), None) => !strictly,
        };
        let found = |key: &str| {
            let mut qualifiers = other.qualifiers.iter();
            qualifiers.find(|(name, _)| name == key).map(|(_, it)| it)
        };
        let mut qualifiers = self.qualifiers.iter();
        self.kind == other.kind
            && self.name == other.name
            && agrees(self.namespace.as_ref(), other.namespace.as_ref())
            && agrees(self.version.as_ref(), other.version.as_ref())
            && qualifiers.all(|(key, value)| agrees(Some(value), found(key)))
    }

    /// The same of a package without a URL: languages name them `group:name` or
    /// `@scope/name`.
    fn fits(&self, name: &str, version: &str) -> bool {
        let last = name.rsplit(['/', ':']).next().unwrap_or(name);
        let versions = self.version.as_deref();
        last == self.name && versions.is_none_or(|wanted| version.is_empty() || wanted == version)
    }
}

/// Percent-decoded; what is no encoding stays as it is.
fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let encoded = (*first == b'%').then(|| behind.get(..2)).flatten();
        let decoded = encoded
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(decoded.unwrap_or(*first));
        rest = match decoded {
            Some(_) => &behind[2..],
            None => behind,
        };
    }
    String::from_utf8(bytes).map_or(Cow::Borrowed(text), Cow::Owned)
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

    fn package<'a>(name: &'a str, version: &'a str, purl: Option<&'a str>) -> PackageRef<'a> {
        PackageRef {
            name,
            version,
            purl,
        }
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
            assert!(pattern.may_be(&found), "{found:?}");
            assert!(!pattern.is_surely(&found), "{found:?}");
        }
    }

    #[test]
    fn a_scoped_name_is_no_version() {
        let purl = Purl::parse("pkg:npm/%40angular/core@17.0.0").unwrap();
        assert_eq!(purl.namespace.as_deref(), Some("@angular"));
        assert_eq!(purl.version.as_deref(), Some("17.0.0"));
        let bare = Purl::parse("pkg:npm/@angular/core").unwrap();
        assert_eq!((bare.name.as_str(), bare.version), ("core", None));
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
