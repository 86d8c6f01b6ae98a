//! Remembered verdicts, and what forgets them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sekisho::ledger::{Ledger, LedgerAccess, LedgerOptions};
use sekisho::oci::Digest;
use sekisho::trust::{
    CachedVerdict, Denial, DenialReason, EnvironmentName, Exposure, ExposureSource, Mode, Subject,
    Verdict,
};

use super::place;
use super::records::*;
use crate::lab::or_skip;

/// A verdict on `root` that rests on the evidence up to `seq`.
fn standing(root: &str, seq: u64) -> Arc<CachedVerdict> {
    let denial = Denial::new(DenialReason::NotScanned, "x", "y");
    let exposure = (Exposure::External, ExposureSource::Listener);
    let verdict = Verdict::refused(&subject(root), Mode::Enforce, exposure, 1, denial);
    Arc::new(CachedVerdict {
        verdict: Arc::new(verdict),
        seq,
        judged_at: now(),
    })
}

fn remember(ledger: &Ledger, root: &str, seq: u64) -> bool {
    let exposure = Exposure::External;
    let standing = standing(root, seq);
    ledger.index().remember(&subject(root), exposure, standing)
}

fn stands(ledger: &Ledger, root: &str) -> bool {
    let index = ledger.index();
    let found = index.cached_verdict(&subject(root), Exposure::External, now());
    found.is_some()
}

/// A ledger that knows `idx` of `amd` and `arm`, and `lone`, and remembers all.
async fn remembering(place: &Place) -> Ledger {
    let ledger = place.serve().await;
    let both = nested("idx", "between", &[("amd", "l1"), ("arm", "l2")]);
    ledger.record_closure(&app(), &both).await.unwrap();
    let lone = image("lone", &["l3"]);
    ledger.record_closure(&app(), &lone).await.unwrap();
    for root in ["idx", "amd", "arm", "lone"] {
        assert!(remember(&ledger, root, ledger.index().seq()));
        assert!(stands(&ledger, root));
    }
    ledger
}

#[tokio::test]
async fn a_verdict_stands_without_sql() {
    let place = or_skip!(place());
    let ledger = remembering(&place).await;
    ledger.close().await;
    assert!(stands(&ledger, "idx"));
}

#[tokio::test]
async fn a_change_forgets_what_rests_on_it_and_no_more() {
    for revoked in ["idx", "between", "amd", "l1", "config of amd"] {
        let place = or_skip!(place());
        let ledger = remembering(&place).await;
        ledger.revoke(revocation(digest(revoked))).await.unwrap();
        assert!(!stands(&ledger, "idx"), "{revoked}");
        assert!(!stands(&ledger, "amd"), "{revoked}");
        assert!(stands(&ledger, "lone"), "{revoked}");
    }
}

#[tokio::test]
async fn scan_promotion_and_reinstatement_forget() {
    let place = or_skip!(place());
    let ledger = remembering(&place).await;
    ledger.submit_scan(scan("lone", now())).await.unwrap();
    assert!(!stands(&ledger, "lone"));
    assert!(remember(&ledger, "lone", ledger.index().seq()));
    ledger.promote(promotion("lone", None)).await.unwrap();
    assert!(!stands(&ledger, "lone"));
    let revoked = revocation(digest("lone"));
    ledger.revoke(revoked).await.unwrap();
    assert!(remember(&ledger, "lone", ledger.index().seq()));
    let undo = reinstatement(digest("lone"));
    ledger.reinstate(undo).await.unwrap();
    assert!(!stands(&ledger, "lone"));
}

#[tokio::test]
async fn revocation_by_second_process_drops_cached_verdict() {
    let place = or_skip!(place());
    let ledger = remembering(&place).await;
    let client = place.client().await;
    client.revoke(revocation(digest("l1"))).await.unwrap();
    ledger.follow_once(now()).await.unwrap();
    assert!(!stands(&ledger, "idx") && !stands(&ledger, "amd"));
    assert!(stands(&ledger, "lone"));
}

#[tokio::test]
async fn remember_after_revocation_is_refused() {
    let place = or_skip!(place());
    let ledger = remembering(&place).await;
    let closure = ledger.index().closure(&app(), &digest("lone")).unwrap();
    let (_, seq) = ledger
        .evidence(&subject("lone"), closure, &[], now())
        .await
        .unwrap();
    ledger.revoke(revocation(digest("l3"))).await.unwrap();
    assert!(!remember(&ledger, "lone", seq));
    assert!(!stands(&ledger, "lone"));
}

#[tokio::test]
async fn break_glass_forgets_what_lies_above_and_below() {
    for granted in ["idx", "amd"] {
        let place = or_skip!(place());
        let ledger = remembering(&place).await;
        let grant = break_glass(digest(granted));
        ledger.grant_break_glass(grant).await.unwrap();
        assert!(!stands(&ledger, "idx"), "{granted}");
        assert!(!stands(&ledger, "amd"), "{granted}");
        assert!(stands(&ledger, "lone"), "{granted}");
    }
}

fn in_staging(root: &str) -> Subject {
    Subject {
        environment: EnvironmentName::parse("staging").unwrap(),
        ..subject(root)
    }
}

#[tokio::test]
async fn a_mode_forgets_all_of_its_environment_and_no_more() {
    let place = or_skip!(place());
    let ledger = remembering(&place).await;
    let (seq, exposure) = (ledger.index().seq(), Exposure::External);
    let kept = ledger
        .index()
        .remember(&in_staging("idx"), exposure, standing("idx", seq));
    assert!(kept);
    ledger.set_mode(timed_mode(Mode::Audit)).await.unwrap();
    for root in ["idx", "amd", "arm", "lone"] {
        assert!(!stands(&ledger, root), "{root}");
    }
    let elsewhere = ledger
        .index()
        .cached_verdict(&in_staging("idx"), exposure, now());
    assert!(elsewhere.is_some());
    assert!(remember(&ledger, "lone", ledger.index().seq()));
    assert!(stands(&ledger, "lone"));
}

#[tokio::test]
async fn a_mode_set_by_another_process_forgets_within_one_follow() {
    let place = or_skip!(place());
    let ledger = remembering(&place).await;
    let client = place.client().await;
    client.set_mode(timed_mode(Mode::Warn)).await.unwrap();
    ledger.follow_once(now()).await.unwrap();
    assert!(!stands(&ledger, "idx") && !stands(&ledger, "lone"));
    let mode = ledger.index().timed_mode(&production()).unwrap();
    assert_eq!(mode.mode, Mode::Warn);
}

/// Judged from evidence that was read before the mode came, remembered after.
#[tokio::test]
async fn remember_after_a_mode_change_is_refused() {
    let place = or_skip!(place());
    let ledger = remembering(&place).await;
    let closure = ledger.index().closure(&app(), &digest("lone")).unwrap();
    let (read, seq) = ledger
        .evidence(&subject("lone"), closure, &[], now())
        .await
        .unwrap();
    assert_eq!(read.timed_mode, None);
    ledger.set_mode(timed_mode(Mode::Enforce)).await.unwrap();
    assert!(!remember(&ledger, "lone", seq));
    assert!(!stands(&ledger, "lone"));
    let closure = ledger.index().closure(&app(), &digest("lone")).unwrap();
    let (read, seq) = ledger
        .evidence(&subject("lone"), closure, &[], now())
        .await
        .unwrap();
    assert!(read.timed_mode.is_some());
    assert!(remember(&ledger, "lone", seq));
}

/// Whatever comes between: once a mode is set, no verdict that rests on what was
/// before it answers.
#[tokio::test(flavor = "multi_thread")]
async fn verdicts_kept_while_modes_change_never_outlive_them() {
    let place = or_skip!(place());
    let ledger = Arc::new(remembering(&place).await);
    let done = Arc::new(AtomicBool::new(false));
    let judging = {
        let (ledger, done) = (ledger.clone(), done.clone());
        tokio::task::spawn_blocking(move || {
            while !done.load(Ordering::Relaxed) {
                remember(&ledger, "lone", ledger.index().seq());
            }
        })
    };
    for _ in 0..50 {
        ledger.set_mode(timed_mode(Mode::Warn)).await.unwrap();
        let set = ledger.index().seq();
        let found = ledger
            .index()
            .cached_verdict(&subject("lone"), Exposure::External, now());
        assert!(found.is_none_or(|standing| standing.seq >= set));
    }
    done.store(true, Ordering::Relaxed);
    judging.await.unwrap();
}

#[tokio::test]
async fn an_alias_of_something_revoked_forgets() {
    let place = or_skip!(place());
    let ledger = remembering(&place).await;
    let twin = Digest::sha512(b"l3");
    ledger.revoke(revocation(twin.clone())).await.unwrap();
    assert!(stands(&ledger, "lone"));
    ledger
        .record_aliases(&[pair(&digest("l3"), &twin)])
        .await
        .unwrap();
    assert!(!stands(&ledger, "lone"));
}

#[tokio::test]
async fn an_alias_forgets_since_policy_may_speak_against_either() {
    let place = or_skip!(place());
    let ledger = remembering(&place).await;
    let twin = Digest::sha512(b"l3");
    ledger
        .record_aliases(&[pair(&digest("l3"), &twin)])
        .await
        .unwrap();
    assert!(!stands(&ledger, "lone"));
}

#[tokio::test]
async fn an_index_recorded_above_forgets_the_child() {
    let place = or_skip!(place());
    let ledger = remembering(&place).await;
    let parents = index("above", &[("lone", "l3")]);
    ledger.record_closure(&app(), &parents).await.unwrap();
    assert!(!stands(&ledger, "lone"));
}

#[tokio::test]
async fn withdrawn_evidence_forgets() {
    let place = or_skip!(place());
    let ledger = remembering(&place).await;
    ledger.create_token(token("ci")).await.unwrap();
    ledger.submit_scan(scan("amd", now())).await.unwrap();
    for root in ["idx", "amd"] {
        assert!(remember(&ledger, root, ledger.index().seq()));
    }
    ledger.revoke_token("ci", true, now()).await.unwrap();
    assert!(!stands(&ledger, "idx") && !stands(&ledger, "amd"));
    assert!(stands(&ledger, "lone"));
}

#[tokio::test]
async fn a_gap_forgets_everything_and_refuses_what_is_older() {
    let place = or_skip!(place());
    let ledger = remembering(&place).await;
    let before = ledger.index().seq();
    let client = place.client().await;
    client.revoke(revocation(digest("l3"))).await.unwrap();
    client.prune_changes(0).await.unwrap();
    ledger.follow_once(now()).await.unwrap();
    assert!(!stands(&ledger, "lone"));
    assert!(!remember(&ledger, "lone", before));
    assert!(remember(&ledger, "lone", ledger.index().seq()));
}

#[tokio::test]
async fn what_no_closure_names_is_not_remembered() {
    let place = or_skip!(place());
    let ledger = remembering(&place).await;
    assert!(!remember(&ledger, "stranger", ledger.index().seq()));
}

#[tokio::test]
async fn no_more_bytes_are_remembered_than_configured() {
    let place = Place::new();
    let config = LedgerOptions {
        verdict_bytes: 2000,
        ..LedgerOptions::at(place.file("data/ledger.db"))
    };
    let ledger = Ledger::open(config, LedgerAccess::Serve, now())
        .await
        .unwrap();
    for root in ["one", "two", "three"] {
        let closure = image(root, &["base"]);
        ledger.record_closure(&app(), &closure).await.unwrap();
        assert!(remember(&ledger, root, ledger.index().seq()));
    }
    assert!(!stands(&ledger, "one") && stands(&ledger, "three"));
}

/// Bypass 33: what was judged while the clock was ahead.
#[tokio::test]
async fn a_verdict_is_not_given_before_it_was_made() {
    let place = or_skip!(place());
    let ledger = remembering(&place).await;
    let before = now() - jiff::SignedDuration::from_secs(1);
    let index = ledger.index();
    for (at, is_given) in [(before, false), (now(), true)] {
        let found = index.cached_verdict(&subject("lone"), Exposure::External, at);
        assert_eq!(found.is_some(), is_given, "at {at}");
    }
}
