//! Revocation and reinstatement (rule 6).

use super::Expected::*;
use super::contents::{arm, both};
use super::images::platform;
use super::sekisho::oci::Digest;
use super::sekisho::trust::DenialReason::*;
use super::sekisho::trust::{EnvironmentName, Mode};
use super::{Case, case, globs, production, revocation};

pub fn cases() -> Vec<Case> {
    let revoked =
        |name: &'static str| move |c: &mut Case| c.evidence.revocations = vec![revocation(name)];
    vec![
        case(
            6,
            "denies what is revoked",
            Denied(&[Revoked]),
            revoked("app"),
        ),
        case(
            6,
            "denies what holds a revoked layer",
            Denied(&[Revoked]),
            revoked("layer of app"),
        ),
        case(
            6,
            "denies what is revoked under the other algorithm",
            Denied(&[Revoked]),
            |c| {
                revoked("app")(c);
                c.evidence.revocations[0].digest = Digest::sha512(b"app");
            },
        ),
        case(6, "denies what is revoked here", Denied(&[Revoked]), |c| {
            revoked("app")(c);
            c.evidence.revocations[0].environment = Some(production());
        }),
        case(6, "serves what is revoked elsewhere only", Allowed, |c| {
            revoked("app")(c);
            c.evidence.revocations[0].environment = EnvironmentName::parse("staging").ok();
        }),
        case(
            6,
            "denies what is revoked in its repository",
            Denied(&[Revoked]),
            |c| {
                revoked("app")(c);
                c.evidence.revocations[0].repositories = globs("registry.corp/team/*");
            },
        ),
        case(
            6,
            "serves what is revoked in other repositories only",
            Allowed,
            |c| {
                revoked("app")(c);
                c.evidence.revocations[0].repositories = globs("registry.corp/other/*");
            },
        ),
        case(
            6,
            "denies a child of a revoked index",
            Denied(&[Revoked]),
            |c| {
                arm(c);
                revoked("both")(c);
            },
        ),
        case(
            6,
            "denies an index that deploys a revoked child",
            Denied(&[Revoked]),
            |c| {
                both(c);
                revoked("arm")(c);
            },
        ),
        case(
            6,
            "denies an index that deploys a revoked layer",
            Denied(&[Revoked]),
            |c| {
                both(c);
                revoked("layer of arm")(c);
            },
        ),
        case(
            6,
            "serves an index whose revoked child is not deployed",
            Allowed,
            |c| {
                both(c);
                revoked("arm")(c);
                c.settings().platforms = vec![platform("linux/amd64")];
            },
        ),
        case(
            6,
            "denies what is revoked while records are unreachable",
            Denied(&[Revoked, Undecidable]),
            |c| {
                revoked("app")(c);
                c.evidence.confirmed = false;
            },
        ),
        case(
            6,
            "denies a revoked image in audit",
            Denied(&[Revoked]),
            |c| {
                revoked("app")(c);
                c.settings().mode = Mode::Audit;
            },
        ),
        case(6, "serves again what was reinstated", Allowed, |c| {
            c.evidence.revocations.clear()
        }),
    ]
}
