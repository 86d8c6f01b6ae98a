//! The source package that a binary package was built from: distributions publish
//! advisories on sources, and install binaries that are called otherwise.

use serde::{Deserialize, Serialize};

use super::percent::percent_decoded;

/// `xz-utils`, which `liblzma5` is built from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SourcePackage {
    pub name: String,
    /// Empty: the report says none, so it is the binary's as far as anybody knows.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub version: String,
}

impl SourcePackage {
    /// What the `upstream` of a package URL names, as Syft and Grype write it: `xz-utils`,
    /// `xz-utils@5.6.1-1`, or of an RPM the file that it was built from.
    pub fn of_purl(purl: &str) -> Option<Self> {
        let purl = purl.split('#').next().unwrap_or(purl);
        let (_, qualifiers) = purl.split_once('?')?;
        let mut pairs = qualifiers
            .split('&')
            .filter_map(|pair| pair.split_once('='));
        let (_, value) = pairs.find(|(key, _)| key.eq_ignore_ascii_case("upstream"))?;
        let told = percent_decoded(value);
        let rpm = [".src.rpm", ".nosrc.rpm"];
        let file = rpm.iter().find_map(|end| told.strip_suffix(end));
        let (name, version) = match file {
            Some(file) => of_rpm(file),
            None => told.rsplit_once('@').unwrap_or((&told, "")),
        };
        (!name.is_empty()).then(|| Self {
            name: name.to_owned(),
            version: version.to_owned(),
        })
    }

    /// What is known of the source of a binary package: what its report says in a field of
    /// its own, else in its URL. `None` where that says no more than the binary itself.
    pub(super) fn beside(
        told: Option<Self>,
        (name, version): (&str, &str),
        purl: Option<&str>,
    ) -> Option<Self> {
        let told = told.filter(|it| !it.name.is_empty());
        let source = told.or_else(|| Self::of_purl(purl?))?;
        let says_more = source.name != name || !["", version].contains(&&*source.version);
        says_more.then_some(source)
    }
}

/// `name-version-release`, from the right: names have hyphens, too.
fn of_rpm(file: &str) -> (&str, &str) {
    let mut hyphens = file.rmatch_indices('-').map(|(at, _)| at);
    match hyphens.nth(1) {
        Some(at) => (&file[..at], &file[at + 1..]),
        None => (file, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(name: &str, version: &str) -> SourcePackage {
        SourcePackage {
            name: name.to_owned(),
            version: version.to_owned(),
        }
    }

    #[test]
    fn a_package_url_names_the_source_as_syft_writes_it() {
        for (purl, name, version) in [
            (
                "pkg:deb/debian/liblzma5@5.6.1-1?arch=amd64&upstream=xz-utils&distro=debian-13",
                "xz-utils",
                "",
            ),
            (
                "pkg:deb/debian/libc6@2.36?upstream=glibc%402.36-9%2Bdeb12u4#x",
                "glibc",
                "2.36-9+deb12u4",
            ),
            (
                "pkg:rpm/redhat/xz-libs@5.2.5-8.el9?upstream=xz-devel-5.2.5-8.el9.src.rpm",
                "xz-devel",
                "5.2.5-8.el9",
            ),
            (
                "pkg:rpm/redhat/kernel-core@5.14.0-1.el9?upstream=kernel-5.14.0-1.el9.nosrc.rpm",
                "kernel",
                "5.14.0-1.el9",
            ),
            (
                "pkg:apk/alpine/libcrypto3@3?Upstream=openssl",
                "openssl",
                "",
            ),
            ("pkg:deb/a@1?upstream=50%zz", "50%zz", ""),
        ] {
            assert_eq!(
                SourcePackage::of_purl(purl),
                Some(source(name, version)),
                "{purl}"
            );
        }
        for none in [
            "pkg:deb/a@1",
            "pkg:deb/a@1?arch=upstream",
            "pkg:deb/a?upstream=",
        ] {
            assert_eq!(SourcePackage::of_purl(none), None, "{none}");
        }
    }

    #[test]
    fn a_source_that_says_no_more_than_the_binary_is_left_out() {
        let beside = |told, purl| SourcePackage::beside(told, ("bash", "5.2-1+b1"), purl);
        assert_eq!(beside(Some(source("bash", "5.2-1+b1")), None), None);
        assert_eq!(beside(Some(source("bash", "")), None), None);
        assert_eq!(beside(Some(source("", "5")), None), None);
        let rebuilt = Some(source("bash", "5.2-1"));
        assert_eq!(beside(rebuilt.clone(), None), rebuilt);
        let url = Some("pkg:deb/debian/bash@5.2-1?upstream=shells");
        assert_eq!(beside(None, url), Some(source("shells", "")));
        assert_eq!(beside(rebuilt.clone(), url), rebuilt);
    }
}
