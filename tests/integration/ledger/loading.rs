//! While memory is loaded: what is known of a manifest is what will be known of it then.

use std::collections::HashSet;
use std::sync::Arc;

use sekisho::ledger::{Ledger, LedgerAccess, LedgerOptions};
use sekisho::oci::{Closure, Digest, Repository, Tag};
use sekisho::trust::{
    CachedVerdict, Denial, DenialReason, Evidence, Exposure, ExposureSource, Mode, Subject, Verdict,
};

use super::place;
use super::records::*;
use crate::lab::or_skip;

fn other() -> Repository {
    Repository::parse("docker.io/library/other").unwrap()
}

/// Serves it with nothing of it in memory but what must be whole from the beginning.
async fn not_loaded(place: &Place) -> Ledger {
    let options = LedgerOptions {
        loaded_at_open: 0,
        ..LedgerOptions::of(place.location())
    };
    let access = LedgerAccess::Serve;
    let ledger = Ledger::open(options, access, now()).await.unwrap();
    ledger.follow_once(now()).await.unwrap();
    assert!(!ledger.index().is_complete());
    ledger
}

/// Everything that a verdict may rest on: indexes above in this repository and another,
/// one between, other digests of the same bytes, and something said of each of them.
async fn fill(ledger: &Ledger) {
    let app_index = nested("idx", "between", &[("amd", "l1"), ("arm", "l2")]);
    let elsewhere = index("elsewhere", &[("amd", "l1")]);
    for (repository, closure) in [
        (app(), app_index),
        (other(), elsewhere),
        (app(), image("alone", &["base"])),
        (app(), image("renamed", &["own"])),
        (app(), image("quiet", &["still"])),
    ] {
        let recorded = ledger.record_closure(&repository, &closure).await;
        recorded.unwrap();
    }
    let long = |name: &str| Digest::sha512(name.as_bytes());
    let pairs = [
        pair(&digest("base"), &long("base")),
        pair(&digest("renamed"), &long("renamed")),
        pair(&digest("elsewhere"), &long("elsewhere")),
    ];
    ledger.record_aliases(&pairs).await.unwrap();
    for name in ["amd", "alone", "renamed"] {
        ledger.submit_scan(scan(name, now())).await.unwrap();
    }
    ledger.promote(promotion("idx", Some("1"))).await.unwrap();
    ledger.promote(promotion("alone", Some("2"))).await.unwrap();
    ledger.promote(promotion("quiet", Some("2"))).await.unwrap();
    for revoked in [digest("between"), long("base"), long("elsewhere")] {
        ledger.revoke(revocation(revoked)).await.unwrap();
    }
    let granted = break_glass(digest("idx"));
    ledger.grant_break_glass(granted).await.unwrap();
    ledger.set_mode(timed_mode(Mode::Warn)).await.unwrap();
}

const ROOTS: [&str; 6] = ["idx", "amd", "arm", "alone", "renamed", "quiet"];

/// What is known of a subject, in an order that does not depend on how it was found.
#[derive(Debug, PartialEq)]
struct Known {
    closure: Arc<Closure>,
    parents: HashSet<Digest>,
    related: HashSet<Digest>,
    said: String,
}

async fn known(ledger: &Ledger, root: &str) -> Option<Known> {
    let found = ledger.closure(&app(), &digest(root)).await.unwrap();
    let subject: Subject = subject(root);
    let (evidence, _): (Evidence, u64) =
        ledger.evidence(&subject, found?, &[], now()).await.unwrap();
    let mut revocations: Vec<String> = evidence
        .revocations
        .iter()
        .map(|it| format!("{it:?}"))
        .collect();
    revocations.sort();
    Some(Known {
        said: format!(
            "{:?} {:?} {revocations:?} {:?} {:?}",
            evidence.scans, evidence.promotions, evidence.break_glass, evidence.timed_mode
        ),
        parents: evidence.parents.into_iter().collect(),
        related: evidence.related,
        closure: evidence.closure,
    })
}

#[tokio::test]
async fn what_is_known_while_loading_is_what_is_known_then() {
    let place = or_skip!(place());
    fill(&place.client().await).await;
    let mut early = Vec::new();
    // Each by itself: nothing that another asked for is in memory.
    for root in ROOTS {
        let ledger = not_loaded(&place).await;
        early.push(known(&ledger, root).await);
        assert!(!ledger.index().is_complete());
        ledger.close().await;
    }
    let ledger = place.serve().await;
    for (root, early) in ROOTS.into_iter().zip(early) {
        let late = known(&ledger, root).await;
        assert!(late.is_some());
        assert_eq!(early, late, "{root}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_not_known_while_loading_either() {
    let place = or_skip!(place());
    fill(&place.client().await).await;
    let ledger = not_loaded(&place).await;
    for (repository, root) in [(app(), "stranger"), (other(), "arm"), (other(), "alone")] {
        let found = ledger.closure(&repository, &digest(root)).await.unwrap();
        assert_eq!(found, None, "{root}");
    }
    assert!(ledger.index().is_revoked(&digest("base")));
}

#[tokio::test]
async fn a_promoted_tag_means_the_last_digest_from_the_beginning() {
    let place = or_skip!(place());
    fill(&place.client().await).await;
    let ledger = not_loaded(&place).await;
    let tag = Tag::parse("2").unwrap();
    for _ in 0..2 {
        let promoted = ledger.promoted(&production(), &app(), &tag).await;
        assert_eq!(promoted.unwrap(), Some(digest("quiet")));
        ledger.load_once().await.unwrap();
    }
}

fn remembered(ledger: &Ledger, root: &str) -> bool {
    let subject = subject(root);
    let exposure = Exposure::External;
    let cached = ledger.index().cached_verdict(&subject, exposure, now());
    cached.is_some()
}

/// A verdict that rests on the evidence up to `seq`.
fn denied(root: &str, seq: u64) -> Arc<CachedVerdict> {
    let denial = Denial::new(DenialReason::NotScanned, "x", "y");
    let exposure = (Exposure::External, ExposureSource::Listener);
    let verdict = Verdict::refused(&subject(root), Mode::Enforce, exposure, 1, denial);
    Arc::new(CachedVerdict {
        verdict: Arc::new(verdict),
        seq,
        judged_at: now(),
    })
}

/// A verdict that was given early is forgotten by what is written later, wherever.
#[tokio::test]
async fn a_change_reaches_what_was_judged_while_loading() {
    let place = or_skip!(place());
    fill(&place.client().await).await;
    for said_of in [digest("l1"), Digest::sha512(b"elsewhere"), digest("idx")] {
        let ledger = not_loaded(&place).await;
        known(&ledger, "amd").await.unwrap();
        let (exposure, judged) = (Exposure::External, denied("amd", ledger.index().seq()));
        assert!(ledger.index().remember(&subject("amd"), exposure, judged));
        assert!(remembered(&ledger, "amd"));
        let writer = place.client().await;
        writer.revoke(revocation(said_of)).await.unwrap();
        ledger.follow_once(now()).await.unwrap();
        assert!(!remembered(&ledger, "amd"));
        ledger.close().await;
    }
}

/// What was written meanwhile is in memory once it is loaded, and only once.
#[tokio::test]
async fn writes_while_loading_are_in_what_is_loaded() {
    let place = or_skip!(place());
    fill(&place.client().await).await;
    let ledger = not_loaded(&place).await;
    let tag = Tag::parse("2").unwrap();
    let promoted = promotion("renamed", Some("2"));
    ledger.promote(promoted).await.unwrap();
    let late = image("late", &["base"]);
    ledger.record_closure(&app(), &late).await.unwrap();
    ledger.load_once().await.unwrap();
    let index = ledger.index();
    assert_eq!(
        index.promoted(&production(), &app(), &tag),
        Some(digest("renamed"))
    );
    let holding = index.images_holding(&app(), &digest("base"), 16);
    let holding: HashSet<Digest> = holding.into_iter().collect();
    assert_eq!(holding, HashSet::from([digest("late"), digest("alone")]));
    assert_eq!(ledger.follow_once(now()).await.unwrap(), 0);
}
