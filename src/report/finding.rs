//! One vulnerability in one package, and one package.

use serde::{Deserialize, Serialize};

use super::{Severity, SourcePackage};

/// What a scanner found in one package of the subject.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Finding {
    /// The scanner's own id: CVE, GHSA or a vendor's.
    pub id: String,
    /// Other ids of the same vulnerability, as the report lists them.
    pub aliases: Vec<String>,
    /// Those of `aliases` that stand in links and free text alone: they may be of something
    /// else, so they make a finding worse and never better.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mentioned: Vec<String>,
    pub package: String,
    pub purl: Option<String>,
    pub installed: String,
    /// The version that mends it, where there is one.
    pub fixed: Option<String>,
    /// `None`: the scanner could not rate it; policy does.
    pub severity: Option<Severity>,
    /// Whose rating that is, where the report says.
    pub severity_source: Option<String>,
    /// The scanner's status of the fix: `fixed`, `affected`, `will_not_fix` …; a finding
    /// that it was configured to leave out reads `suppressed (word)`, and counts all the
    /// same.
    pub status: Option<String>,
    /// What the package was built from, where the report says that it is another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<SourcePackage>,
}

/// A package that lies in the subject.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Package {
    pub name: String,
    pub version: String,
    pub purl: Option<String>,
    /// What it was built from, where the report says that it is another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<SourcePackage>,
}

/// A package with its version, for people: not every scanner knows one of each.
pub fn versioned(package: &str, version: &str) -> String {
    match version.is_empty() {
        true => package.to_owned(),
        false => format!("{package} {version}"),
    }
}

/// The same, with the name of the source that it was built from, where that is another.
pub fn sourced(package: &str, version: &str, source: Option<&str>) -> String {
    let versioned = versioned(package, version);
    match source.filter(|source| *source != package) {
        Some(source) => format!("{versioned} of source {source}"),
        None => versioned,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_without_a_version_is_named_alone() {
        assert_eq!(versioned("curl", "8.5.0"), "curl 8.5.0");
        assert_eq!(versioned("curl", ""), "curl");
    }

    #[test]
    fn a_source_of_another_name_is_told() {
        let told = |source| sourced("liblzma5", "5.6.1-1", source);
        assert_eq!(
            told(Some("xz-utils")),
            "liblzma5 5.6.1-1 of source xz-utils"
        );
        assert_eq!(told(Some("liblzma5")), "liblzma5 5.6.1-1");
        assert_eq!(told(None), "liblzma5 5.6.1-1");
    }
}
