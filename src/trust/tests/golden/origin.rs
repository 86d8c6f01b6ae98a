//! Age, bases, malware and secrets (rules 10 and 11), and formats that can only deny.

use super::Expected::*;
use super::contents::both;
use super::images::{alone, artifact, digest};
use super::sekisho::oci::MediaType;
use super::sekisho::report::{Format, Incomplete, ReportBinding, Severity};
use super::sekisho::trust::DenialReason::*;
use super::sekisho::trust::{SecretsPolicy, TimedEvidence, TrustedBase};
use super::{Case, ago, case, days, found, globs, scan};

fn base(image: &str) -> TrustedBase {
    TrustedBase {
        image: digest(image),
        base: "registry.corp/base/debian@sha256:…".to_owned(),
    }
}

fn young(hours: i64) -> impl FnOnce(&mut Case) {
    move |c| {
        c.settings().min_age = days(3);
        c.evidence.first_seen = Some(ago(hours));
    }
}

fn wants_base(c: &mut Case) {
    c.settings().trusted_bases = globs("registry.corp/base/**");
}

pub fn ages() -> Vec<Case> {
    vec![
        case(
            10,
            "denies what was first seen lately",
            Denied(&[TooNew]),
            young(71),
        ),
        case(
            10,
            "serves what is known for long enough",
            Allowed,
            young(72),
        ),
        case(
            10,
            "denies what was never seen where an age is demanded",
            Denied(&[TooNew]),
            |c| {
                young(1)(c);
                c.evidence.first_seen = None;
            },
        ),
    ]
}

pub fn bases() -> Vec<Case> {
    vec![
        case(
            11,
            "serves what is built on an admitted base",
            Allowed,
            |c| {
                wants_base(c);
                c.evidence.trusted_bases = TimedEvidence::until(vec![base("app")], ago(-1));
            },
        ),
        case(
            11,
            "denies what is built on nothing trusted",
            Denied(&[UntrustedBase]),
            wants_base,
        ),
        case(
            11,
            "denies once the base is not permitted",
            Denied(&[UntrustedBase]),
            |c| {
                wants_base(c);
                c.evidence.trusted_bases = TimedEvidence::until(vec![base("app")], ago(1));
            },
        ),
        case(11, "serves a trusted base itself", Allowed, |c| {
            c.settings().trusted_bases = globs("registry.corp/team/**");
        }),
        case(
            11,
            "denies an index where one child has no trusted base",
            Denied(&[UntrustedBase]),
            |c| {
                both(c);
                wants_base(c);
                c.evidence.trusted_bases = TimedEvidence::until(vec![base("app")], ago(-1));
            },
        ),
        case(11, "demands no base of what does not run", Allowed, |c| {
            let chart = "application/vnd.cncf.helm.config.v1+json";
            let image = artifact(
                "app",
                chart,
                "application/vnd.cncf.helm.chart.content.v1.tar+gzip",
            );
            c.evidence.closure = alone(image);
            c.settings().artifact_types = vec![MediaType::new(chart)];
            wants_base(c);
        }),
    ]
}

pub fn reports() -> Vec<Case> {
    vec![
        case(
            11,
            "denies malware at any severity",
            Denied(&[Malware]),
            |c| {
                c.rescan(|scan| scan.malware = 1);
            },
        ),
        case(
            11,
            "serves an image with secrets where they deny nothing",
            Allowed,
            |c| c.rescan(|scan| scan.secrets = 1),
        ),
        case(
            11,
            "denies secrets where they deny",
            Denied(&[Secrets]),
            |c| {
                c.settings().secrets = SecretsPolicy::Deny;
                c.rescan(|scan| scan.secrets = 2);
            },
        ),
        case(
            11,
            "denies secrets that one of two scanners found",
            Denied(&[Secrets]),
            |c| {
                c.settings().secrets = SecretsPolicy::Deny;
                let mut other = scan(2, "other", "app");
                other.secrets = 1;
                c.scan(other);
            },
        ),
        case(
            8,
            "denies what only a lossy format speaks for",
            Denied(&[ScanIncomplete]),
            |c| {
                c.rescan(|scan| scan.format = Format::Sarif);
            },
        ),
        case(
            8,
            "denies by a lossy format beside a whole one",
            Denied(&[TooSevere]),
            |c| {
                let mut lossy = found(Severity::High, scan(2, "other", "app"));
                lossy.format = Format::Cyclonedx;
                c.scan(lossy);
            },
        ),
        case(
            8,
            "serves on a whole report though a lossy one came later",
            Allowed,
            |c| {
                let mut lossy = scan(2, "trivy", "app");
                lossy.format = Format::Sarif;
                c.scan(lossy);
            },
        ),
        case(
            8,
            "denies by a report that names the image though one that names none came later",
            Denied(&[TooSevere]),
            |c| {
                c.rescan(|scan| *scan = found(Severity::Critical, scan.clone()));
                let mut nameless = scan(2, "trivy", "app");
                nameless.binding = ReportBinding::Declared;
                c.scan(nameless);
            },
        ),
        case(
            8,
            "denies by a whole report though one with gaps came later",
            Denied(&[TooSevere]),
            |c| {
                c.rescan(|scan| *scan = found(Severity::Critical, scan.clone()));
                let mut gaps = scan(2, "trivy", "app");
                gaps.incomplete = vec![Incomplete::NothingRecognised];
                c.scan(gaps);
            },
        ),
        case(
            8,
            "serves once a report that names as much of the image is clean",
            Allowed,
            |c| {
                c.rescan(|scan| *scan = found(Severity::Critical, scan.clone()));
                let mut by_index = scan(2, "trivy", "app");
                by_index.binding = ReportBinding::Index;
                c.scan(by_index);
            },
        ),
    ]
}
