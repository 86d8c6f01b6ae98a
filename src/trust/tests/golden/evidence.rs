//! Papers to begin with, and what becomes of an image without them (rule 1).

use jiff::{SignedDuration, Timestamp};

use super::Expected::*;
use super::images::digest;
use super::sekisho::access::Scope;
use super::sekisho::oci::{Digest, Repository, RepositoryGlobs};
use super::sekisho::report::{Finding, Format, Incomplete, ReportBinding, Severity, Tool};
use super::sekisho::trust::DenialReason::*;
use super::sekisho::trust::{
    EnvironmentName, Evidence, Promotion, Requirement, Revocation, Scan, TimeSource, Vouching,
};
use super::{Case, case};

pub fn now() -> Timestamp {
    "2026-03-10T12:00:00Z".parse().unwrap()
}

pub fn ago(hours: i64) -> Timestamp {
    now() - SignedDuration::from_hours(hours)
}

pub fn days(days: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * days)
}

pub fn production() -> EnvironmentName {
    EnvironmentName::parse("production").unwrap()
}

pub fn repository() -> Repository {
    Repository::parse("registry.corp/team/app").unwrap()
}

pub fn globs(glob: &str) -> RepositoryGlobs {
    RepositoryGlobs::new(vec![glob.to_owned()]).unwrap()
}

/// A clean scan by `tool`, an hour old, with a database of the day before.
pub fn scan(id: i64, tool: &str, manifest: &str) -> Scan {
    Scan {
        id,
        manifest: digest(manifest),
        format: Format::Trivy,
        tool: Tool {
            name: tool.to_owned(),
            version: None,
        },
        submitter: "ci".to_owned(),
        scope: Scope::everything(),
        scanned_at: ago(1),
        time_source: Some(TimeSource::Report),
        received_at: ago(1),
        database_at: Some(ago(24)),
        incomplete: Vec::new(),
        end_of_life: false,
        malware: 0,
        binding: ReportBinding::Manifest,
        lists_packages: false,
        secrets: 0,
        bound_from: None,
        findings: Vec::new(),
        packages: Vec::new(),
    }
}

pub fn finding(severity: Option<Severity>) -> Finding {
    Finding {
        id: "CVE-2026-1234".to_owned(),
        aliases: Vec::new(),
        mentioned: Vec::new(),
        package: "openssl".to_owned(),
        purl: None,
        installed: "3.0.1".to_owned(),
        fixed: Some("3.0.2".to_owned()),
        severity,
        severity_source: None,
        status: None,
        source: None,
    }
}

pub fn found(severity: Severity, scan: Scan) -> Scan {
    Scan {
        findings: vec![finding(Some(severity))],
        ..scan
    }
}

pub fn promotion(id: i64, digest: Digest) -> Promotion {
    Promotion {
        id,
        environment: production(),
        repository: repository(),
        digest,
        tag: None,
        promoter: "release".to_owned(),
        promoted_at: ago(1),
        reason: None,
        link: None,
        forced: false,
    }
}

pub fn revocation(name: &str) -> Revocation {
    Revocation {
        id: 1,
        digest: digest(name),
        environment: None,
        repositories: RepositoryGlobs::none(),
        revoker: "on-call".to_owned(),
        revoked_at: ago(1),
        reason: "backdoor".to_owned(),
    }
}

pub fn vouching(requirements: &[Requirement], until: Timestamp) -> Vouching {
    Vouching {
        upstream: repository().host().clone(),
        environments: vec![production()],
        requirements: requirements.to_vec(),
        until,
    }
}

pub fn cases() -> Vec<Case> {
    vec![
        case(1, "serves a scanned and promoted image", Allowed, |_| {}),
        case(
            1,
            "denies what nobody scanned",
            Denied(&[NotScanned]),
            |c| {
                c.evidence.scans.clear();
            },
        ),
        case(
            1,
            "denies what nobody promoted",
            Denied(&[NotPromoted]),
            |c| {
                c.evidence.promotions.clear();
            },
        ),
        case(
            1,
            "denies what has no evidence at all",
            Denied(&[NotScanned, NotPromoted]),
            |c| {
                c.evidence.scans.clear();
                c.evidence.promotions.clear();
            },
        ),
        case(
            1,
            "denies on a partial report alone",
            Denied(&[ScanIncomplete]),
            |c| {
                c.rescan(|scan| scan.incomplete = vec![Incomplete::DatabaseInvalid]);
            },
        ),
        case(
            1,
            "serves when a partial report stands beside a whole one",
            Allowed,
            |c| {
                c.scan(Scan {
                    incomplete: vec![Incomplete::NothingRecognised],
                    ..scan(2, "grype", "app")
                });
            },
        ),
        case(
            1,
            "decides nothing while records are unreachable",
            Denied(&[Undecidable]),
            |c| {
                c.evidence = Evidence {
                    confirmed: false,
                    ..Evidence::none(c.evidence.closure.clone())
                };
            },
        ),
        case(
            1,
            "denies an environment that does not exist",
            Denied(&[RegistryNotPermitted]),
            |c| {
                c.subject.environment = EnvironmentName::parse("staging").unwrap();
            },
        ),
        case(
            1,
            "refuses a closure of another digest",
            Denied(&[ManifestRefused, NotPromoted]),
            |c| {
                c.subject.digest = digest("swapped");
            },
        ),
        case(
            8,
            "denies on another environment's promotion",
            Denied(&[NotPromoted]),
            |c| {
                c.evidence.promotions[0].environment = EnvironmentName::parse("staging").unwrap();
            },
        ),
        case(
            8,
            "denies on a promotion that is dated ahead of now",
            Denied(&[NotPromoted]),
            |c| {
                c.evidence.promotions[0].promoted_at = ago(-1);
            },
        ),
        case(
            8,
            "denies on another repository's promotion",
            Denied(&[NotPromoted]),
            |c| {
                c.evidence.promotions[0].repository = Repository::parse("registry.corp/x").unwrap();
            },
        ),
        case(
            8,
            "denies on another digest's promotion",
            Denied(&[NotPromoted]),
            |c| {
                c.evidence.promotions[0].digest = digest("other");
            },
        ),
        case(
            8,
            "denies on a promotion of the same bytes under sha512",
            Denied(&[NotPromoted]),
            |c| {
                c.evidence.promotions[0].digest = Digest::sha512(b"app");
            },
        ),
    ]
}
