//! Break-glass and modes for hours: kept, followed, ended, withdrawn.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sekisho::ledger::{
    FactKind, Ledger, LedgerError, LogReading, NewBreakGlass, NewTimedMode, PullFact, Withdrawn,
};
use sekisho::oci::{Digest, Repository};
use sekisho::trust::{BreakGlass, EnvironmentName, Mode, Subject, TimedMode};

use super::place;
use super::records::*;
use crate::lab::or_skip;

fn staging() -> EnvironmentName {
    EnvironmentName::parse("staging").unwrap()
}

fn granted(id: i64, digest: Digest) -> BreakGlass {
    BreakGlass {
        id,
        environment: production(),
        digest,
        image: Some("registry.corp/app:1".to_owned()),
        ticket: "OPS-1".to_owned(),
        reason: "the shop is down".to_owned(),
        granted_by: "on-call".to_owned(),
        granted_at: now(),
        until: now() + minutes(60),
        lifts_revocation: false,
    }
}

fn set(id: i64, mode: Mode) -> TimedMode {
    TimedMode {
        id,
        environment: production(),
        mode,
        ticket: "OPS-2".to_owned(),
        reason: Some("the scanner is down".to_owned()),
        set_by: "on-call".to_owned(),
        set_at: now(),
        until: now() + minutes(60),
    }
}

async fn with_both(place: &Place) -> Ledger {
    let ledger = place.serve().await;
    let both = index("idx", &[("amd", "l1")]);
    ledger.record_closure(&app(), &both).await.unwrap();
    let grant = break_glass(digest("idx"));
    assert_eq!(ledger.grant_break_glass(grant).await.unwrap(), 1);
    assert_eq!(ledger.set_mode(timed_mode(Mode::Warn)).await.unwrap(), 1);
    ledger
}

#[track_caller]
fn assert_both(ledger: &Ledger) {
    let index = ledger.index();
    let grant = granted(1, digest("idx"));
    let granted = index.break_glass(&digest("idx"));
    assert_eq!(granted, std::slice::from_ref(&grant));
    assert_eq!(index.active_break_glass(now()), [grant]);
    let mode = set(1, Mode::Warn);
    assert_eq!(index.timed_mode(&production()), Some(mode.clone()));
    assert_eq!(index.active_modes(now()), [mode]);
}

#[tokio::test]
async fn overrides_survive_a_restart() {
    let place = or_skip!(place());
    let ledger = with_both(&place).await;
    assert_both(&ledger);
    drop(ledger);
    assert_both(&place.serve().await);
}

#[tokio::test]
async fn overrides_given_by_a_command_are_followed() {
    let place = or_skip!(place());
    let serve = place.serve().await;
    let client = place.client().await;
    let grant = break_glass(digest("idx"));
    client.grant_break_glass(grant).await.unwrap();
    client.set_mode(timed_mode(Mode::Warn)).await.unwrap();
    assert!(!serve.index().has_evidence(&digest("idx")));
    assert_eq!(serve.follow_once(now()).await.unwrap(), 2);
    assert!(serve.index().has_evidence(&digest("idx")));
    assert_both(&serve);
}

#[tokio::test]
async fn a_backup_holds_overrides() {
    let place = Place::new();
    let ledger = with_both(&place).await;
    let copy = place.file("copy.db");
    ledger.backup(&copy).await.unwrap();
    Ledger::verify(&copy).await.unwrap();
    let restored = Place::new();
    std::fs::create_dir(restored.file("data")).unwrap();
    std::fs::copy(&copy, restored.file("data/ledger.db")).unwrap();
    assert_both(&restored.serve().await);
}

#[tokio::test]
async fn evidence_holds_the_overrides_of_the_root_and_of_parent_indexes() {
    let place = or_skip!(place());
    let ledger = with_both(&place).await;
    let elsewhere = NewBreakGlass {
        environment: staging(),
        ..break_glass(digest("idx"))
    };
    ledger.grant_break_glass(elsewhere).await.unwrap();
    let of_layer = break_glass(digest("l1"));
    ledger.grant_break_glass(of_layer).await.unwrap();
    for root in ["idx", "amd"] {
        let found = evidence(&ledger, root).await;
        assert_eq!(found.break_glass, [granted(1, digest("idx"))], "{root}");
        assert_eq!(found.timed_mode, Some(set(1, Mode::Warn)), "{root}");
        let (grants, mode) = ledger.index().overrides(&subject(root), &found.parents);
        assert_eq!((grants, mode), (found.break_glass, found.timed_mode));
    }
}

#[tokio::test]
async fn the_same_bytes_under_another_algorithm_get_no_override() {
    let place = or_skip!(place());
    let ledger = with_both(&place).await;
    let twin = Digest::sha512(b"idx");
    ledger
        .record_aliases(&[pair(&digest("idx"), &twin)])
        .await
        .unwrap();
    assert!(ledger.index().break_glass(&twin).is_empty());
}

#[tokio::test]
async fn another_repository_has_the_override_of_the_digest_but_not_of_an_index_there() {
    let place = or_skip!(place());
    let ledger = with_both(&place).await;
    let other = Repository::parse("registry.corp/other").unwrap();
    let child = image("amd", &["l1"]);
    ledger.record_closure(&other, &child).await.unwrap();
    let there = Subject {
        repository: other,
        ..subject("amd")
    };
    let (read, _) = ledger.evidence(&there, child, &[], now()).await.unwrap();
    assert!(read.break_glass.is_empty());
}

#[tokio::test]
async fn the_last_mode_ends_an_earlier_one() {
    let place = or_skip!(place());
    let ledger = with_both(&place).await;
    let enforce = NewTimedMode {
        until: now() + minutes(1),
        ..timed_mode(Mode::Enforce)
    };
    let id = ledger.set_mode(enforce).await.unwrap();
    let last = |ledger: &Ledger| ledger.index().timed_mode(&production()).unwrap().id;
    assert_eq!(last(&ledger), id);
    assert!(ledger.index().active_modes(now() + minutes(2)).is_empty());
    drop(ledger);
    assert_eq!(last(&place.serve().await), id);
}

#[tokio::test]
async fn what_has_run_out_is_not_active() {
    let place = or_skip!(place());
    let ledger = with_both(&place).await;
    let index = ledger.index();
    let over = now() + minutes(60);
    assert!(index.active_break_glass(over).is_empty());
    assert!(index.active_modes(over).is_empty());
    assert_eq!(index.active_modes(over - minutes(1)).len(), 1);
}

async fn revoked_on_call(ledger: &Ledger, with_evidence: bool) -> Withdrawn {
    ledger.create_token(token("on-call")).await.unwrap();
    let ended = ledger.revoke_token("on-call", with_evidence, now()).await;
    ended.unwrap()
}

#[tokio::test]
async fn a_revoked_token_gives_no_override() {
    let place = or_skip!(place());
    let ledger = place.serve().await;
    revoked_on_call(&ledger, false).await;
    let grant = ledger.grant_break_glass(break_glass(digest("img"))).await;
    assert!(matches!(grant, Err(LedgerError::TokenRevoked(_))));
    let mode = ledger.set_mode(timed_mode(Mode::Audit)).await;
    assert!(matches!(mode, Err(LedgerError::TokenRevoked(_))));
    assert!(ledger.index().break_glass(&digest("img")).is_empty());
    assert_eq!(ledger.index().timed_mode(&production()), None);
}

#[tokio::test]
async fn overrides_by_a_stolen_token_are_withdrawn_and_what_was_before_holds() {
    let place = or_skip!(place());
    let ledger = place.serve().await;
    let before = NewTimedMode {
        set_by: "admin".to_owned(),
        ..timed_mode(Mode::Warn)
    };
    ledger.set_mode(before).await.unwrap();
    ledger.set_mode(timed_mode(Mode::Audit)).await.unwrap();
    let grant = break_glass(digest("img"));
    ledger.grant_break_glass(grant).await.unwrap();
    let withdrawn = revoked_on_call(&ledger, true).await;
    assert_eq!((withdrawn.break_glass, withdrawn.modes), (1, 1));
    let holds = |ledger: &Ledger| {
        let mode = ledger.index().timed_mode(&production()).unwrap();
        mode.mode == Mode::Warn && ledger.index().break_glass(&digest("img")).is_empty()
    };
    assert!(holds(&ledger));
    drop(ledger);
    assert!(holds(&place.serve().await));
}

async fn first_seen(ledger: &Ledger, root: &str) -> Option<Timestamp> {
    let parents = evidence(ledger, root).await.parents;
    ledger.first_seen(&subject(root), &parents).await.unwrap()
}

#[tokio::test]
async fn an_image_is_known_since_it_was_first_seen_anywhere() {
    let place = or_skip!(place());
    let ledger = place.serve().await;
    let both = index("idx", &[("amd", "l1")]);
    ledger.record_closure(&app(), &both).await.unwrap();
    assert_eq!(first_seen(&ledger, "amd").await, None);
    let seen = |root: &str, ago: i64| PullFact {
        subject: Subject {
            environment: staging(),
            repository: Repository::parse("docker.io/library/app").unwrap(),
            digest: digest(root),
        },
        at: now() - minutes(ago),
        kind: FactKind::Seen,
    };
    let facts = [seen("amd", 3), seen("idx", 7), seen("l1", 9)];
    ledger.record_facts(&facts).await.unwrap();
    for root in ["idx", "amd"] {
        let first = first_seen(&ledger, root).await;
        assert_eq!(first, Some(now() - minutes(7)), "{root}");
    }
}

/// The line of a log may say anything.
#[tokio::test]
async fn overrides_that_are_done_again_last_no_longer_than_they_may() {
    let place = or_skip!(place());
    let mut ledger = place.serve().await;
    let mark = ledger.mark();
    let line = |number: u32, act: &str, time: Timestamp| {
        let json = serde_json::json!({
            "id": format!("act:{number}"), "time": time, "act": act, "principal": "p",
            "environment": "production", "digest": digest("idx"), "ticket": "T-1",
            "subject": format!("{act}:{number}"), "until": "2099-01-01T00:00:00Z",
            "detail": if act == "mode" { "audit" } else { "" },
            "ledger": {"id": mark.id, "change": number},
        });
        serde_json::from_value(json).unwrap()
    };
    let mut reading = LogReading::from(ledger.restore_point().await.unwrap());
    let ahead: Timestamp = "2098-12-31T00:00:00Z".parse().unwrap();
    reading.take(line(1, "break-glass", now() - minutes(60)));
    reading.take(line(2, "break-glass", ahead));
    reading.take(line(3, "mode", now() - minutes(60)));
    let missing = reading.missing(&BTreeMap::new());
    ledger.replay(&missing, now()).await.unwrap();
    let granted = ledger.index().break_glass(&digest("idx"));
    let until: Vec<_> = granted.iter().map(|it| it.until).collect();
    assert_eq!(until, [now() + minutes(23 * 60), now() + minutes(24 * 60)]);
    let mode = ledger.index().timed_mode(&production()).unwrap();
    assert_eq!(mode.until, now() + minutes(167 * 60));
}
