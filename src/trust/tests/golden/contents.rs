//! Indexes, their children, and what is no image (rules 2 and 13).

use std::sync::Arc;

use super::Expected::*;
use super::images::*;
use super::sekisho::oci::{ChildOutcome, MediaType};
use super::sekisho::report::Severity;
use super::sekisho::trust::DenialReason::*;
use super::sekisho::trust::{Evidence, TimedEvidence};
use super::{Case, ago, case, found, promotion, revocation, scan};

/// `both`, an index of `amd` and `arm`, promoted, with both scanned.
pub fn both(case: &mut Case) {
    let children = vec![
        child(runnable("amd", "linux/amd64")),
        child(runnable("arm", "linux/arm64")),
        child(attestation("statement")),
    ];
    case.pull(index("both", children));
    case.scan(scan(1, "trivy", "amd"));
    case.scan(scan(2, "trivy", "arm"));
}

/// `arm`, pulled by itself after the index above it was promoted.
pub fn arm(case: &mut Case) {
    case.pull(alone(runnable("arm", "linux/arm64")));
    case.evidence.promotions = vec![promotion(1, digest("both"))];
    case.evidence.parents = vec![digest("both")];
    case.scan(scan(2, "trivy", "arm"));
}

pub const CHART: &str = "application/vnd.cncf.helm.config.v1+json";
pub const SIGNATURE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// A chart, scanned and promoted.
pub fn chart(case: &mut Case) {
    case.pull(alone(artifact("chart", CHART, "text/plain")));
    case.scan(scan(1, "trivy", "chart"));
}

/// A signature of a permitted image.
pub fn signature(case: &mut Case) {
    case.pull(alone(referrer(
        artifact("signature", SIGNATURE, SIGNATURE),
        "app",
    )));
    case.evidence.promotions.clear();
    case.evidence.subject_permitted = TimedEvidence::until(true, ago(-1));
}

pub fn cases() -> Vec<Case> {
    let amd64 = |c: &mut Case| c.settings().platforms = vec![platform("linux/amd64")];
    vec![
        case(
            2,
            "serves an index whose children are scanned",
            Allowed,
            both,
        ),
        case(
            2,
            "denies an index with a child not scanned",
            Denied(&[PlatformNotScanned]),
            |c| {
                both(c);
                c.evidence.scans.pop();
            },
        ),
        case(
            2,
            "denies an index of which nothing is scanned",
            Denied(&[NotScanned]),
            |c| {
                both(c);
                c.evidence.scans.clear();
            },
        ),
        case(
            2,
            "serves an index whose unscanned child is not deployed",
            Allowed,
            |c| {
                both(c);
                amd64(c);
                c.evidence.scans.pop();
            },
        ),
        case(
            2,
            "denies an index for its worst child",
            Denied(&[TooSevere]),
            |c| {
                both(c);
                c.evidence.scans[1] = Arc::new(found(Severity::High, scan(2, "trivy", "arm")));
            },
        ),
        case(
            2,
            "denies an index without a deployed platform",
            Denied(&[PlatformNotAllowed]),
            |c| {
                both(c);
                c.settings().platforms = vec![platform("linux/s390x")];
            },
        ),
        case(
            2,
            "denies an index of attestations alone",
            Denied(&[PlatformNotAllowed]),
            |c| {
                c.pull(index("statements", vec![child(attestation("statement"))]));
            },
        ),
        case(
            2,
            "denies an index with a refused child",
            Denied(&[ManifestRefused]),
            |c| {
                both(c);
                let refused = ChildOutcome::Refused("its config says another platform".to_owned());
                c.pull(index(
                    "odd",
                    vec![unread("bad", Some("linux/amd64"), refused)],
                ));
            },
        ),
        case(
            2,
            "serves an index whose refused child is not deployed",
            Allowed,
            |c| {
                let refused = ChildOutcome::Refused("foreign layer".to_owned());
                let amd = child(runnable("amd", "linux/amd64"));
                c.pull(index(
                    "odd",
                    vec![amd, unread("win", Some("windows/amd64"), refused)],
                ));
                c.scan(scan(1, "trivy", "amd"));
                amd64(c);
            },
        ),
        case(
            2,
            "denies an index with an unlabelled child that is absent",
            Denied(&[PlatformNotScanned]),
            |c| {
                let amd = child(runnable("amd", "linux/amd64"));
                c.pull(index(
                    "odd",
                    vec![amd, unread("gone", None, ChildOutcome::Absent)],
                ));
                c.scan(scan(1, "trivy", "amd"));
                amd64(c);
            },
        ),
        case(2, "serves a child of a promoted index", Allowed, arm),
        case(
            2,
            "denies a child of a promoted index without a scan of its own",
            Denied(&[NotScanned]),
            |c| {
                arm(c);
                c.evidence.scans.clear();
            },
        ),
        case(
            2,
            "denies a child by its config's platform",
            Denied(&[PlatformNotAllowed]),
            |c| {
                arm(c);
                amd64(c);
            },
        ),
        case(
            2,
            "denies an index with a chart in it",
            Denied(&[ManifestRefused]),
            |c| {
                both(c);
                c.pull(index(
                    "odd",
                    vec![
                        child(runnable("amd", "linux/amd64")),
                        child(artifact("chart", CHART, "text/plain")),
                    ],
                ));
                c.scan(scan(1, "trivy", "amd"));
                c.scan(scan(2, "trivy", "chart"));
            },
        ),
        case(
            2,
            "denies an index with a disguised image in it",
            Denied(&[ManifestRefused]),
            |c| {
                c.pull(index(
                    "odd",
                    vec![
                        child(runnable("amd", "linux/amd64")),
                        child(artifact("chart", CHART, LAYER)),
                    ],
                ));
                c.settings().artifact_types = vec![MediaType::new(CHART)];
                c.scan(scan(1, "trivy", "amd"));
                c.scan(scan(2, "trivy", "chart"));
            },
        ),
    ]
}

pub fn other_cases() -> Vec<Case> {
    let listed = |c: &mut Case| c.settings().referrer_types = vec![MediaType::new(SIGNATURE)];
    vec![
        case(
            13,
            "refuses a chart that no rule names",
            Denied(&[ManifestRefused]),
            chart,
        ),
        case(13, "serves a named chart with evidence", Allowed, |c| {
            chart(c);
            c.settings().artifact_types = vec![MediaType::new(CHART)];
        }),
        case(
            13,
            "denies a named chart without evidence",
            Denied(&[NotScanned, NotPromoted]),
            |c| {
                chart(c);
                c.settings().artifact_types = vec![MediaType::new(CHART)];
                c.evidence.scans.clear();
                c.evidence.promotions.clear();
            },
        ),
        case(
            13,
            "refuses a named chart with runnable layers",
            Denied(&[ManifestRefused]),
            |c| {
                c.pull(alone(artifact("chart", CHART, LAYER)));
                c.scan(scan(1, "trivy", "chart"));
                c.settings().artifact_types = vec![MediaType::new(CHART)];
            },
        ),
        case(
            13,
            "serves a listed referrer of a permitted image",
            Allowed,
            |c| {
                signature(c);
                listed(c);
            },
        ),
        case(
            13,
            "refuses a referrer that is not listed",
            Denied(&[ManifestRefused]),
            signature,
        ),
        case(
            13,
            "denies a referrer of what is not permitted",
            Denied(&[NotInAdmittedImage]),
            |c| {
                signature(c);
                listed(c);
                c.evidence.subject_permitted = TimedEvidence::default();
            },
        ),
        case(
            13,
            "refuses a referrer with runnable layers",
            Denied(&[ManifestRefused]),
            |c| {
                signature(c);
                listed(c);
                let disguised = referrer(artifact("signature", SIGNATURE, LAYER), "app");
                c.evidence.closure = alone(disguised);
            },
        ),
        case(
            13,
            "refuses a listed type that refers to nothing",
            Denied(&[ManifestRefused]),
            |c| {
                signature(c);
                listed(c);
                c.evidence.closure = alone(artifact("signature", SIGNATURE, SIGNATURE));
            },
        ),
        case(
            13,
            "exempts no image for its subject",
            Denied(&[NotScanned, NotPromoted]),
            |c| {
                c.evidence = Evidence {
                    subject_permitted: TimedEvidence::until(true, ago(-1)),
                    ..Evidence::none(alone(referrer(runnable("app", "linux/amd64"), "base")))
                };
                listed(c);
            },
        ),
        case(
            13,
            "serves an attestation of a permitted index",
            Allowed,
            |c| {
                c.pull(alone(attestation("statement")));
                c.evidence.promotions.clear();
                c.evidence.parents = vec![digest("both")];
                c.evidence.subject_permitted = TimedEvidence::until(true, ago(-1));
                c.environment.settings.referrer_types = vec![MediaType::IN_TOTO];
            },
        ),
        case(
            13,
            "serves no attestation where nobody wishes it",
            Denied(&[ManifestRefused]),
            |c| {
                c.pull(alone(attestation("statement")));
                c.evidence.parents = vec![digest("both")];
                c.evidence.subject_permitted = TimedEvidence::until(true, ago(-1));
            },
        ),
        case(
            13,
            "denies an attestation of what is not permitted",
            Denied(&[NotInAdmittedImage]),
            |c| {
                c.pull(alone(attestation("statement")));
                c.environment.settings.referrer_types = vec![MediaType::IN_TOTO];
            },
        ),
        case(13, "denies a revoked signature", Denied(&[Revoked]), |c| {
            signature(c);
            listed(c);
            c.evidence.revocations = vec![revocation("signature")];
        }),
    ]
}
