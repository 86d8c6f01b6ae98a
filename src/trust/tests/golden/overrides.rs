//! Break-glass and modes for some hours (rule 6).

use super::Expected::*;
use super::images::digest;
use super::sekisho::oci::RegistryHost;
use super::sekisho::trust::DenialReason::*;
use super::sekisho::trust::{BreakGlass, EnvironmentName, Mode, TimedMode};
use super::{Case, ago, case, days, now, production, revocation};

/// Granted an hour ago for four.
pub fn grant() -> BreakGlass {
    BreakGlass {
        id: 1,
        environment: production(),
        digest: digest("app"),
        image: None,
        ticket: "INC-1".to_owned(),
        reason: "checkout is down".to_owned(),
        granted_by: "kai".to_owned(),
        granted_at: ago(1),
        until: ago(-3),
        lifts_revocation: false,
    }
}

/// Set an hour ago for four.
pub fn timed(mode: Mode) -> TimedMode {
    TimedMode {
        id: 1,
        environment: production(),
        mode,
        ticket: "OPS-1".to_owned(),
        reason: None,
        set_by: "kai".to_owned(),
        set_at: ago(1),
        until: ago(-3),
    }
}

fn unscanned(c: &mut Case) {
    c.evidence.scans.clear();
}

fn broken(change: impl FnOnce(&mut BreakGlass)) -> impl FnOnce(&mut Case) {
    |c| {
        unscanned(c);
        let mut granted = grant();
        change(&mut granted);
        c.evidence.break_glass = vec![granted];
    }
}

fn set(change: impl FnOnce(&mut TimedMode)) -> impl FnOnce(&mut Case) {
    |c| {
        unscanned(c);
        let mut set = timed(Mode::Audit);
        change(&mut set);
        c.evidence.timed_mode = Some(set);
    }
}

pub fn break_glass() -> Vec<Case> {
    vec![
        case(
            6,
            "serves by break-glass what has no evidence",
            Lifted(&[NotScanned]),
            broken(|_| {}),
        ),
        case(
            6,
            "serves by break-glass a child of the index it names",
            Lifted(&[NotScanned]),
            |c| {
                c.evidence.parents = vec![digest("index")];
                broken(|it| it.digest = digest("index"))(c);
            },
        ),
        case(
            6,
            "denies another image than the one granted",
            Denied(&[NotScanned]),
            broken(|it| it.digest = digest("other")),
        ),
        case(
            6,
            "denies once break-glass has ended",
            Denied(&[NotScanned]),
            broken(|it| it.until = now()),
        ),
        case(
            6,
            "denies what is granted elsewhere",
            Denied(&[NotScanned]),
            broken(|it| it.environment = EnvironmentName::parse("staging").unwrap()),
        ),
        case(6, "lifts malware by break-glass", Lifted(&[Malware]), |c| {
            let scans = c.evidence.scans.clone();
            broken(|_| {})(c);
            c.evidence.scans = scans;
            c.rescan(|scan| scan.malware = 2);
        }),
        case(
            6,
            "lifts no revocation by plain break-glass",
            Denied(&[Revoked, NotScanned]),
            |c| {
                broken(|_| {})(c);
                c.evidence.revocations = vec![revocation("app")];
            },
        ),
        case(
            6,
            "lifts a revocation where the grant says so",
            Lifted(&[Revoked, NotScanned]),
            |c| {
                broken(|it| it.lifts_revocation = true)(c);
                c.evidence.revocations = vec![revocation("app")];
            },
        ),
        case(
            6,
            "lifts nothing structural by break-glass",
            Denied(&[RegistryNotPermitted, NotScanned]),
            |c| {
                broken(|it| it.lifts_revocation = true)(c);
                c.settings().upstreams = vec![RegistryHost::parse("docker.io").unwrap()];
            },
        ),
        case(
            6,
            "lifts no failure of our own by break-glass",
            Denied(&[Undecidable]),
            |c| {
                broken(|it| it.lifts_revocation = true)(c);
                c.evidence.confirmed = false;
            },
        ),
    ]
}

pub fn modes() -> Vec<Case> {
    vec![
        case(
            6,
            "serves while the mode is lowered",
            Lifted(&[NotScanned]),
            set(|_| {}),
        ),
        case(
            6,
            "denies once the lowered mode has ended",
            Denied(&[NotScanned]),
            set(|it| it.until = now()),
        ),
        case(
            6,
            "denies before the mode is lowered",
            Denied(&[NotScanned]),
            set(|it| {
                it.set_at = ago(-1);
                it.until = now() + days(1);
            }),
        ),
        case(6, "enforces for some hours", Denied(&[NotScanned]), |c| {
            c.settings().mode = Mode::Audit;
            set(|it| it.mode = Mode::Enforce)(c);
        }),
        case(
            6,
            "lifts no revocation by a lowered mode",
            Denied(&[Revoked, NotScanned]),
            |c| {
                set(|_| {})(c);
                c.evidence.revocations = vec![revocation("app")];
            },
        ),
    ]
}
