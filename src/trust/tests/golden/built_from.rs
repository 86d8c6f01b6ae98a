//! Advisories on what packages were built from (rule 5), and exceptions (rule 4).

use super::Expected::*;
use super::sekisho::report::{Package, Severity, SourcePackage};
use super::sekisho::trust::DenialReason::*;
use super::sekisho::trust::Effect;
use super::vulnerability_policy::{advisory, excepted, on_package, pattern, with_finding};
use super::{Case, case};

fn xz() -> Option<SourcePackage> {
    Some(SourcePackage {
        name: "xz-utils".to_owned(),
        version: "5.6.1-1".to_owned(),
    })
}

/// On a package of which a binary lies in the image that is called otherwise.
pub fn on_source(text: &'static str) -> impl FnOnce(&mut Case) {
    move |c| {
        on_package(text)(c);
        c.rescan(|scan| {
            scan.packages = vec![Package {
                name: "liblzma5".to_owned(),
                version: "5.6.1-1+b1".to_owned(),
                purl: Some("pkg:deb/debian/liblzma5@5.6.1-1%2Bb1?arch=amd64".to_owned()),
                source: xz(),
            }];
        });
    }
}

/// A finding in a binary of xz-utils.
pub fn in_source(c: &mut Case, severity: Severity) {
    with_finding(c, |it| {
        it.package = "liblzma5".to_owned();
        it.severity = Some(severity);
        it.source = xz();
    });
}

pub fn raised_by_source(c: &mut Case) {
    in_source(c, Severity::Low);
    let mut written = advisory(Effect::Raise(Severity::Critical));
    written.vulnerabilities.clear();
    written.packages = vec![pattern("xz-utils")];
    c.advisories = vec![written];
}

pub fn cases() -> Vec<Case> {
    vec![
        case(
            5,
            "blocks what was built from a package",
            Denied(&[BlockedByAdvisory]),
            on_source("pkg:deb/debian/xz-utils@5.6.1-1"),
        ),
        case(
            5,
            "blocks what was built from a package of that name",
            Denied(&[BlockedByAdvisory]),
            on_source("xz-utils"),
        ),
        case(
            5,
            "serves what was built from another version of a blocked package",
            Allowed,
            on_source("pkg:deb/debian/xz-utils@5.6.1-1%2Bb1"),
        ),
        case(
            5,
            "raises what is found in what was built from a package",
            Denied(&[TooSevere]),
            raised_by_source,
        ),
        case(
            4,
            "accepts nothing in what was built from the package that it names",
            Denied(&[TooSevere]),
            |c| {
                excepted(|it| it.packages = vec![pattern("xz-utils")])(c);
                in_source(c, Severity::High);
            },
        ),
    ]
}
