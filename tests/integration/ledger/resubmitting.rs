//! Reports that are handed in once more.

use jiff::Timestamp;
use sekisho::access::Scope;
use sekisho::ledger::{BindScans, Ledger, NewScan, ScanTarget};

use super::place;
use super::records::*;
use crate::lab::or_skip;

/// With what `--scanner-info` adds, or without.
fn dated(scan: NewScan, database_at: Option<Timestamp>) -> NewScan {
    NewScan {
        database_at,
        ..scan
    }
}

async fn submit(ledger: &Ledger, new: NewScan) -> i64 {
    ledger.submit_scan(new).await.unwrap()
}

async fn standing(ledger: &Ledger) -> Vec<(Timestamp, Option<Timestamp>)> {
    let scans = evidence(ledger, "img").await.scans;
    scans
        .iter()
        .map(|it| (it.scanned_at, it.database_at))
        .collect()
}

async fn open(place: &Place) -> Ledger {
    let ledger = place.serve().await;
    let closure = image("img", &["base"]);
    ledger.record_closure(&app(), &closure).await.unwrap();
    ledger
}

#[tokio::test]
async fn a_report_handed_in_without_the_date_of_its_database_keeps_the_known_one() {
    let place = or_skip!(place());
    let ledger = open(&place).await;
    let database = Some(now() - minutes(90));
    let first = submit(&ledger, dated(scan("img", now()), database)).await;
    assert_eq!(submit(&ledger, scan("img", now())).await, first);
    assert_eq!(standing(&ledger).await, [(now(), database)]);
    // Read otherwise now, as by a newer program: what it says counts, with the date.
    let otherwise = NewScan {
        findings: vec![finding("CVE-2026-1")],
        ..scan("img", now())
    };
    assert_ne!(submit(&ledger, otherwise).await, first);
    assert_eq!(standing(&ledger).await, [(now(), database)]);
    let scans = evidence(&ledger, "img").await.scans;
    assert_eq!(scans[0].findings, [finding("CVE-2026-1")]);
}

#[tokio::test]
async fn a_date_that_is_handed_in_later_counts() {
    let place = or_skip!(place());
    let ledger = open(&place).await;
    let database = Some(now() - minutes(90));
    submit(&ledger, scan("img", now())).await;
    submit(&ledger, dated(scan("img", now()), database)).await;
    submit(&ledger, scan("img", now())).await;
    assert_eq!(standing(&ledger).await, [(now(), database)]);
}

#[tokio::test]
async fn another_run_another_submitter_and_another_scope_lend_no_date() {
    let place = or_skip!(place());
    let ledger = open(&place).await;
    let database = Some(now() - minutes(90));
    submit(&ledger, dated(scan("img", now() - minutes(5)), database)).await;
    let stranger = NewScan {
        submitter: "other".to_owned(),
        ..dated(scan("img", now()), database)
    };
    submit(&ledger, stranger).await;
    let narrow = NewScan {
        scope: Scope::new(
            sekisho::oci::RepositoryGlobs::new(vec!["registry.corp/**".to_owned()]).unwrap(),
            Vec::new(),
        ),
        ..dated(scan("img", now()), database)
    };
    submit(&ledger, narrow).await;
    let id = submit(&ledger, scan("img", now())).await;
    let scans = evidence(&ledger, "img").await.scans;
    let own = scans.iter().find(|scan| scan.id == id).unwrap();
    assert_eq!(own.database_at, None);
}

/// It counts from its first submission, whatever came beside it.
#[tokio::test]
async fn a_report_without_a_time_becomes_neither_newer_nor_undated() {
    let database = Some(now() - minutes(90));
    let timeless = |database_at, received_at| NewScan {
        scanned_at: None,
        received_at,
        database_at,
        ..scan("img", now())
    };
    let later = now() + minutes(60);
    for [first, second] in [[database, None], [None, database]] {
        let place = or_skip!(place());
        let ledger = open(&place).await;
        submit(&ledger, timeless(first, now())).await;
        submit(&ledger, timeless(second, later)).await;
        assert_eq!(standing(&ledger).await, [(now(), database)]);
    }
}

#[tokio::test]
async fn a_scan_before_the_push_keeps_its_date_too() {
    let place = or_skip!(place());
    let ledger = open(&place).await;
    let database = Some(now() - minutes(90));
    let unpushed = |database| NewScan {
        about: ScanTarget::ImageId(digest("id")),
        ..dated(scan("img", now()), database)
    };
    let bind = || BindScans {
        image_id: digest("id"),
        manifest: digest("img"),
        submitter: "ci".to_owned(),
        scope: Scope::everything(),
        at: now(),
    };
    let first = submit(&ledger, unpushed(database)).await;
    let bound = ledger.bind_scans(bind()).await.unwrap();
    assert_eq!(submit(&ledger, unpushed(None)).await, first);
    assert_eq!(ledger.bind_scans(bind()).await.unwrap(), bound);
    // And handed in after the push, as what was bound.
    submit(&ledger, scan("img", now())).await;
    assert_eq!(standing(&ledger).await, [(now(), database)]);
}
