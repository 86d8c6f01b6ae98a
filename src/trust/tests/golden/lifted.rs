//! What needs no evidence: platform images (rule 12), and what a mode lifts.

use super::Expected::*;
use super::contents::{arm, chart};
use super::images::{digest, platform};
use super::sekisho::report::Severity;
use super::sekisho::trust::DenialReason::*;
use super::sekisho::trust::{Mode, PlatformImage};
use super::{Case, case, found, revocation};

pub fn cases() -> Vec<Case> {
    [platform_images(), modes()].concat()
}

fn platform_images() -> Vec<Case> {
    let listed = |name: &'static str| {
        move |c: &mut Case| {
            c.evidence.scans.clear();
            c.evidence.promotions.clear();
            c.environment.platform_images = vec![PlatformImage {
                digest: digest(name),
                reason: "sandbox".to_owned(),
            }];
        }
    };
    vec![
        case(
            12,
            "serves a platform image without evidence",
            Allowed,
            listed("app"),
        ),
        case(
            12,
            "serves a platform image while records are unreachable",
            Allowed,
            |c| {
                listed("app")(c);
                c.evidence.confirmed = false;
            },
        ),
        case(12, "serves a child of a platform image", Allowed, |c| {
            arm(c);
            listed("both")(c);
        }),
        case(
            12,
            "denies a revoked platform image",
            Denied(&[Revoked]),
            |c| {
                listed("app")(c);
                c.evidence.revocations = vec![revocation("app")];
            },
        ),
        case(
            12,
            "denies what shares a layer with a platform image",
            Denied(&[NotScanned, NotPromoted]),
            |c| {
                listed("layer of app")(c);
            },
        ),
    ]
}

fn modes() -> Vec<Case> {
    let unscanned = |mode: Mode| {
        move |c: &mut Case| {
            c.evidence.scans.clear();
            c.settings().mode = mode;
        }
    };
    vec![
        case(
            1,
            "lets missing evidence pass in audit",
            Lifted(&[NotScanned]),
            unscanned(Mode::Audit),
        ),
        case(
            1,
            "lets missing evidence pass in warn",
            Lifted(&[NotScanned]),
            unscanned(Mode::Warn),
        ),
        case(1, "lets harm pass in audit", Lifted(&[TooSevere]), |c| {
            c.rescan(|scan| *scan = found(Severity::Critical, scan.clone()));
            c.settings().mode = Mode::Audit;
        }),
        case(
            1,
            "refuses a chart in audit",
            Denied(&[ManifestRefused]),
            |c| {
                chart(c);
                c.settings().mode = Mode::Audit;
            },
        ),
        case(
            1,
            "denies another platform in warn",
            Denied(&[PlatformNotAllowed]),
            |c| {
                c.settings().platforms = vec![platform("linux/s390x")];
                c.settings().mode = Mode::Warn;
            },
        ),
        case(
            1,
            "goes on in audit while records are unreachable",
            Lifted(&[Undecidable]),
            |c| {
                c.evidence.confirmed = false;
                c.settings().mode = Mode::Audit;
            },
        ),
    ]
}
