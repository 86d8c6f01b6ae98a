//! What Grype was told to leave out, as its report repeats its configuration.

use serde::Deserialize;

use super::gather::Few;
use crate::oci::printable;

/// What decides which matches and packages are left out.
#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Configuration {
    #[serde(default)]
    only_fixed: bool,
    #[serde(default)]
    only_notfixed: bool,
    #[serde(default)]
    ignore_wontfix: String,
    ignore: Option<Few<IgnoreRule>>,
    exclude: Option<Few<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct IgnoreRule {
    #[serde(default)]
    match_type: String,
    #[serde(default)]
    package: IgnoredPackage,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct IgnoredPackage {
    #[serde(default)]
    name: String,
    #[serde(default)]
    upstream_name: String,
}

impl Configuration {
    /// What the scan was told to leave out, in the words of its configuration.
    pub(super) fn filters(&self) -> impl Iterator<Item = String> {
        let states = format!("ignore-states {}", printable(&self.ignore_wontfix, 64));
        let foreign = |rules: &Few<IgnoreRule>| rules.0.iter().any(|rule| !rule.is_built_in());
        let listed = |paths: &Few<String>| !paths.0.is_empty();
        [
            self.only_fixed.then(|| "only-fixed".to_owned()),
            self.only_notfixed.then(|| "only-notfixed".to_owned()),
            (!self.ignore_wontfix.is_empty()).then_some(states),
            (self.ignore.as_ref().is_some_and(foreign)).then(|| "ignore rules".to_owned()),
            (self.exclude.as_ref().is_some_and(listed)).then(|| "excluded paths".to_owned()),
        ]
        .into_iter()
        .flatten()
    }
}

impl IgnoreRule {
    /// Rules that Grype itself adds to every scan: packages of kernel headers are
    /// not the kernel. What they ignore is listed, and counts.
    fn is_built_in(&self) -> bool {
        let headers = [
            "kernel-headers",
            "linux-headers-.*",
            "linux(-.*)?-headers-.*",
            "linux-libc-dev",
        ];
        self.match_type == "exact-indirect-match"
            && headers.contains(&&*self.package.name)
            && matches!(&*self.package.upstream_name, "kernel" | "linux" | "linux.*")
    }
}
