//! Tokens, and what becomes of their evidence.

use std::collections::BTreeMap;

use secrecy::ExposeSecret;
use sekisho::access::{Role, Scope};
use sekisho::ledger::{
    ActFilter, ActOrigin, Ledger, LedgerError, LogReading, NewToken, Reinstatement, Withdrawn,
};
use sekisho::oci::{RepositoryGlobs, Tag};

use super::place;
use super::records::*;
use crate::lab::or_skip;

fn scoped_token(name: &str) -> NewToken {
    let globs = RepositoryGlobs::new(vec!["registry.corp/**".to_owned()]).unwrap();
    NewToken {
        name: name.to_owned(),
        role: Role::Scanner,
        scope: Scope::new(globs, vec!["production".to_owned()]),
        created_at: now(),
        expires_at: Some(now() + minutes(60)),
    }
}

#[tokio::test]
async fn a_token_is_its_holder_also_after_a_restart() {
    let place = or_skip!(place());
    let ledger = place.serve().await;
    let secret = ledger.create_token(scoped_token("ci")).await.unwrap();
    drop(ledger);
    let ledger = place.serve().await;
    let holder = ledger.authenticate(secret.expose_secret(), now()).unwrap();
    assert_eq!((holder.name(), holder.role()), ("ci", Role::Scanner));
    assert!(holder.scope().covers_repository(&app()));
    assert!(!holder.scope().covers_environment("staging"));
    let altered = secret.expose_secret().replace("sks_", "SKS_");
    assert!(ledger.authenticate(&altered, now()).is_none());
    assert!(ledger.authenticate("", now()).is_none());
}

#[tokio::test]
async fn token_hash_only_in_database() {
    let place = Place::new();
    let ledger = place.serve().await;
    let secret = ledger.create_token(scoped_token("ci")).await.unwrap();
    ledger.close().await;
    let plaintext = secret.expose_secret();
    let hex = plaintext.strip_prefix("sks_").unwrap();
    assert_eq!(hex.len(), 64);
    for entry in std::fs::read_dir(place.file("data")).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        let found = bytes.windows(hex.len()).any(|part| part == hex.as_bytes());
        assert!(!found);
    }
    assert!(!format!("{secret:?}").contains(hex));
}

#[tokio::test]
async fn expired_token_is_nobody() {
    let place = or_skip!(place());
    let ledger = place.serve().await;
    let secret = ledger.create_token(scoped_token("ci")).await.unwrap();
    let at = |minute| ledger.authenticate(secret.expose_secret(), now() + minutes(minute));
    assert!(at(59).is_some());
    assert!(at(60).is_none());
}

#[tokio::test]
async fn names_are_unique_for_ever() {
    let place = or_skip!(place());
    let ledger = place.serve().await;
    ledger.create_token(scoped_token("ci")).await.unwrap();
    ledger.revoke_token("ci", false, now()).await.unwrap();
    let again = ledger.create_token(scoped_token("ci")).await;
    assert!(matches!(again, Err(LedgerError::TokenExists(_))));
    for bad in ["", "a b", &"x".repeat(65)] {
        let made = ledger.create_token(scoped_token(bad)).await;
        assert!(matches!(made, Err(LedgerError::TokenName)), "{bad:?}");
    }
}

#[tokio::test]
async fn no_token_bears_a_name_that_records_use_for_others() {
    let place = or_skip!(place());
    let ledger = place.serve().await;
    for bad in [
        "anonymous",
        "Anonymous",
        "sekisho",
        "SEKISHO",
        "local:uid-0",
    ] {
        let made = ledger.create_token(scoped_token(bad)).await;
        assert!(matches!(made, Err(LedgerError::TokenName)), "{bad:?}");
    }
    for good in ["sekisho-ci", "anonymous-2"] {
        assert!(
            ledger.create_token(scoped_token(good)).await.is_ok(),
            "{good}"
        );
    }
}

#[tokio::test]
async fn a_token_made_and_revoked_by_a_command_is_followed() {
    let place = or_skip!(place());
    let serve = place.serve().await;
    let client = place.client().await;
    let secret = client.create_token(scoped_token("ci")).await.unwrap();
    let holder = || serve.authenticate(secret.expose_secret(), now());
    assert!(holder().is_none());
    serve.follow_once(now()).await.unwrap();
    assert!(holder().is_some());
    client.revoke_token("ci", false, now()).await.unwrap();
    serve.follow_once(now()).await.unwrap();
    assert!(holder().is_none());
    let listed = serve.tokens().await.unwrap();
    assert_eq!(listed[0].revoked_at, Some(now()));
}

#[tokio::test]
async fn a_revoked_token_is_nobody_at_once() {
    let place = or_skip!(place());
    let ledger = place.serve().await;
    let secret = ledger.create_token(scoped_token("ci")).await.unwrap();
    ledger.revoke_token("ci", false, now()).await.unwrap();
    let holder = ledger.authenticate(secret.expose_secret(), now());
    assert!(holder.is_none());
    let unknown = ledger.revoke_token("nobody", false, now()).await;
    assert!(matches!(unknown, Err(LedgerError::UnknownToken(_))));
}

#[tokio::test]
async fn withdrawn_evidence_stops_counting() {
    let place = or_skip!(place());
    let ledger = place.serve().await;
    for name in ["ci", "release"] {
        ledger.create_token(scoped_token(name)).await.unwrap();
    }
    let closure = image("img", &["base"]);
    ledger.record_closure(&app(), &closure).await.unwrap();
    ledger.submit_scan(scan("img", now())).await.unwrap();
    ledger.promote(promotion("old", Some("1"))).await.unwrap();
    let mut stolen = promotion("img", Some("1"));
    stolen.promoter = "ci".to_owned();
    ledger.promote(stolen).await.unwrap();

    let withdrawn = ledger.revoke_token("ci", true, now()).await.unwrap();
    let expected = Withdrawn {
        scans: 1,
        promotions: 1,
        ..Withdrawn::default()
    };
    assert_eq!(withdrawn, expected);
    let evidence = evidence(&ledger, "img").await;
    assert!(evidence.scans.is_empty() && evidence.promotions.is_empty());
    let tag = Tag::parse("1").unwrap();
    let promoted = ledger.index().promoted(&production(), &app(), &tag);
    assert_eq!(promoted, Some(digest("old")));
}

#[tokio::test]
async fn a_withdrawn_report_counts_when_another_hands_it_in() {
    let place = or_skip!(place());
    let ledger = place.serve().await;
    ledger.create_token(scoped_token("ci")).await.unwrap();
    let closure = image("img", &["base"]);
    ledger.record_closure(&app(), &closure).await.unwrap();
    ledger.submit_scan(scan("img", now())).await.unwrap();
    ledger.revoke_token("ci", true, now()).await.unwrap();
    let late = ledger.submit_scan(scan("img", now())).await;
    assert!(matches!(late, Err(LedgerError::TokenRevoked(_))));
    let mut anew = scan("img", now());
    anew.submitter = "ci-2".to_owned();
    ledger.submit_scan(anew).await.unwrap();
    assert_eq!(evidence(&ledger, "img").await.scans.len(), 1);
}

#[tokio::test]
async fn what_a_stolen_token_reinstated_is_revoked_again() {
    let place = or_skip!(place());
    let ledger = place.serve().await;
    ledger.create_token(scoped_token("thief")).await.unwrap();
    ledger.revoke(revocation(digest("img"))).await.unwrap();
    ledger.revoke(revocation(digest("fine"))).await.unwrap();
    let by = |by: &str, name: &str| Reinstatement {
        by: by.to_owned(),
        ..reinstatement(digest(name))
    };
    ledger.reinstate(by("thief", "img")).await.unwrap();
    ledger.reinstate(by("security", "fine")).await.unwrap();
    let is_revoked = |ledger: &Ledger| !ledger.index().revocations(&digest("img")).is_empty();
    ledger.revoke_token("thief", false, now()).await.unwrap();
    assert!(!is_revoked(&ledger));
    let withdrawn = ledger.revoke_token("thief", true, now()).await.unwrap();
    assert_eq!(withdrawn.reinstatements, 1);
    assert!(is_revoked(&ledger));
    assert!(ledger.index().revocations(&digest("fine")).is_empty());
    let told = ledger
        .acts_where(&ActFilter::default(), |_| true)
        .await
        .unwrap();
    assert_eq!(told[0].act.detail, "withdrawn: 1 reinstatement");
    let late = ledger.reinstate(by("thief", "img")).await;
    assert!(
        matches!(late, Err(LedgerError::TokenRevoked(_))),
        "{late:?}"
    );
    let again = ledger.revoke_token("thief", true, now()).await.unwrap();
    assert_eq!(again, Withdrawn::default());
    ledger.reinstate(by("security", "img")).await.unwrap();
    assert!(!is_revoked(&ledger));
    drop(ledger);
    assert!(!is_revoked(&place.serve().await));
}

#[tokio::test]
async fn what_a_stolen_token_reinstated_is_revoked_again_from_the_log() {
    let place = or_skip!(place());
    let mut ledger = place.serve().await;
    ledger.revoke(revocation(digest("img"))).await.unwrap();
    let mark = ledger.mark();
    let line = |number: u32, rest: serde_json::Value| {
        let mut json = serde_json::json!({
            "id": format!("act:{number}"), "time": now(), "principal": "thief",
            "ledger": {"id": mark.id, "change": 100 + number},
        });
        let fields = rest.as_object().unwrap().clone();
        json.as_object_mut().unwrap().extend(fields);
        serde_json::from_value(json).unwrap()
    };
    let mut reading = LogReading::from(ledger.restore_point().await.unwrap());
    let detail = "1 revocation(s) ended; in every repository";
    let reinstated = serde_json::json!(
        {"act": "reinstate", "digest": digest("img"), "detail": detail, "reason": "mine"});
    let detail = "withdrawn: 1 reinstatement";
    let revoked = serde_json::json!(
        {"act": "token-revoke", "subject": "token:thief", "detail": detail});
    reading.take(line(100, reinstated));
    reading.take(line(101, revoked));
    let missing = reading.missing(&BTreeMap::new());
    assert_eq!(missing.again.len(), 2);
    ledger.replay(&missing, now()).await.unwrap();
    assert_eq!(ledger.index().revocations(&digest("img")).len(), 1);
}

#[tokio::test]
async fn tokens_that_a_stolen_one_made_are_named_while_they_hold() {
    let place = or_skip!(place());
    let ledger = place.serve().await;
    let make = async |maker: &str, name: &str| {
        let origin = ActOrigin {
            principal: Some(maker.to_owned()),
            ..ActOrigin::default()
        };
        ledger.create_token(origin.of(scoped_token(name))).await
    };
    for (maker, name) in [
        ("local:uid-0", "thief"),
        ("thief", "spare"),
        ("spare", "hidden"),
        ("thief", "ended"),
        ("local:uid-0", "other"),
    ] {
        make(maker, name).await.unwrap();
    }
    ledger.revoke_token("ended", false, now()).await.unwrap();
    ledger.revoke_token("thief", true, now()).await.unwrap();
    let named = async |at| ledger.good_tokens_made_with("thief", at).await.unwrap();
    assert_eq!(named(now()).await, ["hidden", "spare"]);
    assert!(named(now() + minutes(60)).await.is_empty());
    let late = make("thief", "late").await;
    assert!(matches!(late, Err(LedgerError::TokenRevoked(_))));
}
