//! What is refused in each mode, and what never is.

use jiff::SignedDuration;

use super::kit::{container, digest, now, snapshot};
use crate::node_agent::exemption::{Exemption, Exemptions, OwnPod};
use crate::node_agent::judgement::{Judgement, StartDenial, UNKNOWN_REASON, judge};
use crate::node_agent::refusal_text::refusal_text;
use crate::node_snapshot::AgentMode;
use crate::nri::ContainerInPod;

fn judged(mode: AgentMode, container: &ContainerInPod) -> Judgement {
    let held = snapshot(7, mode);
    judge(Some(&held), container, &Exemptions::default(), now())
}

fn revoked() -> StartDenial {
    StartDenial {
        reason: "revoked".to_owned(),
        digest: Some(digest("bad")),
    }
}

#[test]
fn nothing_is_refused_before_the_first_snapshot() {
    let judged = judge(None, &container(&["bad"]), &Exemptions::default(), now());
    assert_eq!(judged, Judgement::Permitted);
}

#[test]
fn what_is_denied_is_refused_whichever_of_its_digests_it_is() {
    for mode in [AgentMode::Enforce, AgentMode::Strict] {
        for digests in [&["bad"][..], &["good", "bad"], &["bad", "other"]] {
            let judged = judged(mode, &container(digests));
            assert_eq!(judged, Judgement::Refused(revoked()), "{mode} {digests:?}");
        }
    }
}

#[test]
fn audit_lets_start_and_tells() {
    let judged = judged(AgentMode::Audit, &container(&["bad"]));
    assert_eq!(judged, Judgement::LetStart(revoked(), None));
}

#[test]
fn enforce_lets_start_what_it_does_not_know() {
    for digests in [&["other"][..], &[]] {
        let judged = judged(AgentMode::Enforce, &container(digests));
        assert_eq!(judged, Judgement::Permitted);
    }
}

#[test]
fn strict_refuses_what_it_does_not_know() {
    assert_eq!(
        judged(AgentMode::Strict, &container(&["good"])),
        Judgement::Permitted
    );
    for digests in [&["other"][..], &[]] {
        let Judgement::Refused(denial) = judged(AgentMode::Strict, &container(digests)) else {
            panic!("{digests:?} is let start");
        };
        assert_eq!(denial.reason, UNKNOWN_REASON);
    }
}

#[test]
fn strict_refuses_nothing_unknown_once_it_has_heard_nothing_for_too_long() {
    let held = snapshot(7, AgentMode::Strict);
    for (seconds, refuses) in [(600, true), (601, false), (90_000, false)] {
        let later = now() + SignedDuration::from_secs(seconds);
        let at = |digests| {
            judge(
                Some(&held),
                &container(digests),
                &Exemptions::default(),
                later,
            )
        };
        assert_eq!(matches!(at(&["other"]), Judgement::Refused(_)), refuses);
        // What is denied stays denied, also when the snapshot has expired.
        assert_eq!(at(&["bad"]), Judgement::Refused(revoked()));
    }
}

#[test]
fn what_keeps_a_node_up_is_never_refused() {
    let own = OwnPod {
        namespace: "sekisho".to_owned(),
        name: "agent-1".to_owned(),
    };
    let exemptions = Exemptions {
        own_pod: Some(own),
        guards_system_namespace: false,
    };
    let system = ContainerInPod {
        namespace: "kube-system".to_owned(),
        ..container(&["bad"])
    };
    for (container, exemption) in [
        (
            ContainerInPod {
                namespace: "sekisho".to_owned(),
                pod: "agent-1".to_owned(),
                ..container(&["bad"])
            },
            Exemption::OwnPod,
        ),
        (
            ContainerInPod {
                is_static: true,
                ..container(&["bad"])
            },
            Exemption::StaticPod,
        ),
        (system.clone(), Exemption::SystemNamespace),
    ] {
        for mode in AgentMode::ALL {
            let held = snapshot(7, mode);
            let judged = judge(Some(&held), &container, &exemptions, now());
            assert_eq!(judged, Judgement::LetStart(revoked(), Some(exemption)));
        }
    }
    let asked_for = Exemptions {
        guards_system_namespace: true,
        ..exemptions
    };
    let held = snapshot(7, AgentMode::Enforce);
    let judged = judge(Some(&held), &system, &asked_for, now());
    assert_eq!(judged, Judgement::Refused(revoked()));
}

#[test]
fn a_canary_is_refused_in_every_mode_and_wherever_it_is() {
    let canary = ContainerInPod {
        is_canary: true,
        namespace: "kube-system".to_owned(),
        ..container(&["good"])
    };
    for mode in AgentMode::ALL {
        let Judgement::Refused(denial) = judged(mode, &canary) else {
            panic!("the canary is let start in {mode}");
        };
        assert_eq!(denial.reason, "canary");
    }
}

#[test]
fn a_refusal_says_what_and_what_to_do_in_one_short_line() {
    let mut container = container(&["bad"]);
    container.image.name = format!("gate.corp/\u{1b}[2J\n{}", "x".repeat(1000));
    let text = refusal_text(&revoked(), &container, "production");
    let begins = format!("sekisho: revoked: {}: ", digest("bad"));
    assert!(text.starts_with(&begins), "{text}");
    assert!(text.contains("sekisho explain gate.corp/"), "{text}");
    assert!(text.ends_with(" --environment production"), "{text}");
    assert!(
        text.len() < 600 && !text.contains(char::is_control),
        "{text}"
    );
}
