//! Scans of image IDs, and their binding to a manifest.

use sekisho::access::Scope;
use sekisho::ledger::{BindScans, Ledger, LedgerError, NewScan};
use sekisho::oci::{Digest, RepositoryGlobs};
use sekisho::report::Package;

use super::place;
use super::records::*;
use crate::lab::or_skip;

/// The image ID of `img`, as records make it.
const CONFIG: &str = "config of img";

fn bind(submitter: &str) -> BindScans {
    BindScans {
        image_id: digest(CONFIG),
        manifest: digest("img"),
        submitter: submitter.to_owned(),
        scope: Scope::everything(),
        at: now() + minutes(1),
    }
}

async fn with_image(place: &Place) -> Ledger {
    let ledger = place.serve().await;
    let closure = image("img", &["base"]);
    ledger.record_closure(&app(), &closure).await.unwrap();
    ledger
}

/// Bypass 26: layers may be others than those that were scanned.
#[tokio::test]
async fn a_scan_of_an_image_id_counts_for_no_manifest_by_itself() {
    let place = or_skip!(place());
    let ledger = with_image(&place).await;
    let seq = ledger.index().seq();
    let new = unbound(CONFIG, now());
    ledger.submit_scan(new).await.unwrap();
    assert!(evidence(&ledger, "img").await.scans.is_empty());
    assert_eq!(ledger.index().seq(), seq + 1, "the act, and nothing else");
    let stranger = unbound("config of nothing", now());
    ledger.submit_scan(stranger).await.unwrap();
    assert!(!ledger.index().has_evidence(&digest("config of nothing")));
    drop(ledger);
    let ledger = place.serve().await;
    assert!(evidence(&ledger, "img").await.scans.is_empty());
    assert!(!ledger.index().has_evidence(&digest("config of nothing")));
    let named = ledger.first_reported([&digest(CONFIG)]).await.unwrap();
    assert!(named.is_empty());
    let naming = ledger.manifests_reporting(&["CVE-2026-1".to_owned()]).await;
    assert!(naming.unwrap().is_empty());
}

#[tokio::test]
async fn what_was_scanned_before_the_push_is_read_back_to_be_judged() {
    let place = or_skip!(place());
    let ledger = place.serve().await;
    let package = Package {
        name: "openssl".to_owned(),
        version: "3".to_owned(),
        purl: None,
        source: None,
    };
    let old = unbound(CONFIG, now() - minutes(9));
    ledger.submit_scan(old).await.unwrap();
    let new = NewScan {
        malware: 1,
        packages: vec![package.clone()],
        ..unbound(CONFIG, now())
    };
    let id = ledger.submit_scan(new.clone()).await.unwrap();
    assert_eq!(ledger.submit_scan(new).await.unwrap(), id);
    let read = ledger
        .unbound_scans(&digest(CONFIG), "ci", now())
        .await
        .unwrap();
    assert_eq!(read.len(), 1, "the older one is replaced");
    assert_eq!((read[0].id, read[0].malware), (id, 1));
    assert_eq!(read[0].packages, [package]);
    assert_eq!(read[0].findings.len(), 2);
    let other = ledger.unbound_scans(&digest(CONFIG), "other", now()).await;
    assert!(other.unwrap().is_empty());
}

#[tokio::test]
async fn a_backup_holds_what_waits_to_be_bound() {
    let place = Place::new();
    let ledger = with_image(&place).await;
    let new = unbound(CONFIG, now());
    ledger.submit_scan(new).await.unwrap();
    let copy = place.file("copy.db");
    ledger.backup(&copy).await.unwrap();
    Ledger::verify(&copy).await.unwrap();
    let restored = Place::new();
    std::fs::create_dir(restored.file("data")).unwrap();
    std::fs::copy(&copy, restored.file("data/ledger.db")).unwrap();
    let restored = restored.serve().await;
    assert_eq!(restored.bind_scans(bind("ci")).await.unwrap(), [1]);
    let scans = evidence(&restored, "img").await.scans;
    assert_eq!(scans[0].findings.len(), 2);
}

#[tokio::test]
async fn what_is_bound_counts_as_it_was_handed_in() {
    let place = or_skip!(place());
    let ledger = with_image(&place).await;
    let early = NewScan {
        received_at: now() - minutes(3),
        ..unbound(CONFIG, now() - minutes(4))
    };
    ledger.submit_scan(early).await.unwrap();
    let ids = ledger.bind_scans(bind("ci")).await.unwrap();
    let counting = evidence(&ledger, "img").await.scans;
    let [scan] = &counting[..] else {
        panic!("{counting:?}");
    };
    assert_eq!(ids, [scan.id]);
    assert_eq!(scan.manifest, digest("img"));
    assert_eq!(scan.bound_from, Some(digest(CONFIG)));
    assert_eq!(scan.scanned_at, now() - minutes(4));
    assert_eq!(scan.received_at, now() - minutes(3));
    assert_eq!(scan.findings, unbound(CONFIG, now()).findings);
    let named = ledger.first_reported([&digest("img")]).await.unwrap();
    assert_eq!(named.len(), 2);
    assert_eq!(named[0].received_at, now() - minutes(3));
    assert_eq!(ledger.newest_time(), Some(now() + minutes(1)));
}

/// A report after the push, then the binding of one from before it: the finding
/// was known since then.
#[tokio::test]
async fn binding_moves_the_first_naming_back() {
    let place = or_skip!(place());
    let ledger = with_image(&place).await;
    let early = NewScan {
        received_at: now() - minutes(3),
        ..unbound(CONFIG, now() - minutes(4))
    };
    ledger.submit_scan(early).await.unwrap();
    ledger.submit_scan(scan("img", now())).await.unwrap();
    ledger.bind_scans(bind("ci")).await.unwrap();
    let named = ledger.first_reported([&digest("img")]).await.unwrap();
    let earliest = named.iter().all(|it| it.received_at == now() - minutes(3));
    assert!(named.len() == 2 && earliest);
}

#[tokio::test]
async fn another_submitter_binds_nothing() {
    let place = or_skip!(place());
    let ledger = with_image(&place).await;
    let new = unbound(CONFIG, now());
    ledger.submit_scan(new).await.unwrap();
    assert!(ledger.bind_scans(bind("thief")).await.unwrap().is_empty());
    assert!(evidence(&ledger, "img").await.scans.is_empty());
    let elsewhere = BindScans {
        image_id: digest("config of another"),
        ..bind("ci")
    };
    assert!(ledger.bind_scans(elsewhere).await.unwrap().is_empty());
    assert!(evidence(&ledger, "img").await.scans.is_empty());
}

#[tokio::test]
async fn binding_twice_gives_the_same_ids() {
    let place = or_skip!(place());
    let ledger = with_image(&place).await;
    let trivy = unbound(CONFIG, now());
    let mut grype = unbound(CONFIG, now() - minutes(1));
    grype.tool.name = "grype".to_owned();
    for new in [trivy, grype] {
        ledger.submit_scan(new).await.unwrap();
    }
    let ids = ledger.bind_scans(bind("ci")).await.unwrap();
    assert_eq!(ids, [1, 2], "the oldest first");
    let later = BindScans {
        at: now() + minutes(9),
        ..bind("ci")
    };
    assert_eq!(ledger.bind_scans(later).await.unwrap(), ids);
    assert_eq!(evidence(&ledger, "img").await.scans.len(), 2);
    let elsewhere = BindScans {
        manifest: digest("pushed elsewhere"),
        ..bind("ci")
    };
    assert_eq!(ledger.bind_scans(elsewhere).await.unwrap(), [3, 4]);
}

#[tokio::test]
async fn a_binding_has_the_scope_of_the_token_that_says_so() {
    let place = or_skip!(place());
    let ledger = with_image(&place).await;
    let new = unbound(CONFIG, now());
    ledger.submit_scan(new).await.unwrap();
    let globs = RepositoryGlobs::new(vec!["registry.corp/other".to_owned()]).unwrap();
    let narrow = BindScans {
        scope: Scope::new(globs, Vec::new()),
        ..bind("ci")
    };
    ledger.bind_scans(narrow).await.unwrap();
    let scan = &evidence(&ledger, "img").await.scans[0];
    assert!(!scan.scope.covers_repository(&app()));
}

#[tokio::test]
async fn a_binding_by_another_process_is_followed() {
    let place = or_skip!(place());
    let serve = with_image(&place).await;
    let client = place.client().await;
    let new = unbound(CONFIG, now());
    client.submit_scan(new).await.unwrap();
    assert_eq!(serve.follow_once(now()).await.unwrap(), 1, "the act");
    client.bind_scans(bind("ci")).await.unwrap();
    assert_eq!(serve.follow_once(now()).await.unwrap(), 1);
    assert!(serve.index().has_evidence(&digest("img")));
    assert_eq!(evidence(&serve, "img").await.scans.len(), 1);
}

#[tokio::test]
async fn dates_in_the_future_are_refused() {
    let place = or_skip!(place());
    let ledger = place.serve().await;
    let ahead = unbound(CONFIG, now() + minutes(6));
    let refused = ledger.submit_scan(ahead).await;
    assert!(matches!(refused, Err(LedgerError::FromTheFuture(..))));
}

#[tokio::test]
async fn a_stolen_token_neither_submits_nor_binds_and_its_scans_are_withdrawn() {
    let place = or_skip!(place());
    let ledger = with_image(&place).await;
    ledger.create_token(token("ci")).await.unwrap();
    let new = unbound(CONFIG, now());
    ledger.submit_scan(new.clone()).await.unwrap();
    ledger.bind_scans(bind("ci")).await.unwrap();
    let withdrawn = ledger.revoke_token("ci", true, now()).await.unwrap();
    assert_eq!((withdrawn.unbound_scans, withdrawn.scans), (1, 1));
    assert!(evidence(&ledger, "img").await.scans.is_empty());
    let left = ledger
        .unbound_scans(&digest(CONFIG), "ci", now())
        .await
        .unwrap();
    assert!(left.is_empty());
    let bound = ledger.bind_scans(bind("ci")).await;
    assert!(matches!(bound, Err(LedgerError::TokenRevoked(_))));
    let submitted = ledger.submit_scan(new).await;
    assert!(matches!(submitted, Err(LedgerError::TokenRevoked(_))));
}

/// A report on the manifest itself is newer, and replaces what was bound.
#[tokio::test]
async fn a_scan_after_the_push_replaces_the_bound_one() {
    let place = or_skip!(place());
    let ledger = with_image(&place).await;
    let before = unbound(CONFIG, now() - minutes(9));
    ledger.submit_scan(before).await.unwrap();
    ledger.bind_scans(bind("ci")).await.unwrap();
    let after: NewScan = scan("img", now());
    let id = ledger.submit_scan(after).await.unwrap();
    let counting = evidence(&ledger, "img").await.scans;
    assert_eq!(counting.len(), 1);
    assert_eq!(counting[0].id, id);
    let config: Digest = digest(CONFIG);
    assert!(counting[0].bound_from.as_ref() != Some(&config));
}
