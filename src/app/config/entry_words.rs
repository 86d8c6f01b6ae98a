//! Words of exceptions and advisories that stand where they can do nothing: a package
//! among vulnerabilities, a vulnerability among packages, a reason that nobody wrote.

use super::section::Section;
use crate::trust::is_placeholder;

/// Lower-case beginnings of ids that scanners write.
const ID_FAMILIES: [&str; 20] = [
    "alas",
    "avd-",
    "bit-",
    "cve-",
    "dla-",
    "dsa-",
    "elsa-",
    "ghsa-",
    "gms-",
    "go-",
    "mal-",
    "osv-",
    "pysec-",
    "rhba-",
    "rhsa-",
    "rustsec-",
    "snyk-",
    "sonatype-",
    "temp-",
    "usn-",
];

/// Reads a text that must say something, and not that somebody is to say it.
pub(super) fn statement(
    section: &mut Section<'_, '_>,
    key: &'static str,
    hint: &str,
) -> Option<String> {
    let text = section.words(key, hint)?;
    if !text.trim().is_empty() && is_placeholder(&text) {
        section.problem(
            key,
            format_args!("{text:?} is left from a template; {hint}"),
        );
    }
    Some(text)
}

/// Whether an id looks like the name of a package.
pub(super) fn may_be_a_package(id: &str) -> bool {
    let lower = id.to_ascii_lowercase();
    let is_known = ID_FAMILIES.iter().any(|family| lower.starts_with(family));
    !is_known && id.starts_with(|it: char| it.is_ascii_lowercase())
}

/// Why a word among `packages` can be the name of none.
pub(super) fn no_package(name: &str) -> Option<&'static str> {
    if name.starts_with("pkg:") {
        return None;
    }
    if is_vulnerability(name) {
        return Some("is a vulnerability; write it under vulnerabilities");
    }
    if name.starts_with("sha256:") || name.starts_with("sha512:") {
        return Some("is a digest, and images have digests");
    }
    if name.contains(['*', '=']) || name.get(1..).is_some_and(|rest| rest.contains('@')) {
        return Some("is no name: it is compared whole; write versions as pkg:type/name@version");
    }
    None
}

/// `CVE-2026-1234`, `GHSA-xxxx-xxxx-xxxx`, `RUSTSEC-2026-0001`, `RHSA-2026:1234`.
fn is_vulnerability(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let Some((family, rest)) = lower.split_once('-') else {
        return false;
    };
    let is_family =
        ID_FAMILIES.contains(&format!("{family}-").as_str()) || family.starts_with("alas");
    let mut parts = rest.split(['-', ':']);
    let is_numbered = rest.starts_with(|it: char| it.is_ascii_digit())
        && parts.all(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
    is_family && (is_numbered || family == "ghsa")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::no_vulnerability;

    #[test]
    fn ids_and_packages_are_told_apart() {
        for id in [
            "CVE-2026-1234",
            "cve-2026-1234",
            "GHSA-cfgh-jmpq-rvwx",
            "RHSA-2026:1234",
            "DS002",
            "TEMP-0841856-B18BAF",
            "generic-api-key",
            "sonatype-2020-1234",
            "SNYK-JS-LODASH-1",
            "X",
        ] {
            assert_eq!(no_vulnerability(id), None, "{id}");
        }
        for (id, told) in [
            ("openssl", "packages"),
            ("zlib1g", "packages"),
            ("pkg:deb/debian/zlib1g", "packages"),
            ("sha256:00", "digest"),
            ("end-of-life", "accept"),
            ("CVE-2026-*", "whole"),
            ("docker.io/library/nginx", "images"),
        ] {
            assert!(
                no_vulnerability(id).unwrap_or_default().contains(told),
                "{id}"
            );
        }
        assert!(may_be_a_package("libssl-dev") && !may_be_a_package("cve-2026-1"));
        for name in [
            "zlib1g",
            "@angular/core",
            "github.com/a/b",
            "org.a:b",
            "linux-image-6.1.0-13",
            "go-dep",
            "libstdc++6",
            "pkg:deb/debian/xz-utils@5.6.1-1?arch=amd64",
        ] {
            assert_eq!(no_package(name), None, "{name}");
        }
        for (name, told) in [
            ("CVE-2026-1234", "vulnerabilities"),
            ("GHSA-cfgh-jmpq-rvwx", "vulnerabilities"),
            ("RHSA-2026:1234", "vulnerabilities"),
            ("ALAS2-2026-1", "vulnerabilities"),
            ("sha256:00", "digest"),
            ("openssl@3.0.1", "pkg:"),
            ("openssl=3.0.1", "pkg:"),
            ("openssl*", "whole"),
        ] {
            assert!(
                no_package(name).unwrap_or_default().contains(told),
                "{name}"
            );
        }
    }
}
