//! Reports that are handed in once more.

use jiff::Timestamp;
use sekisho::access::Scope;
use sekisho::ledger::{BindScans, Ledger, LedgerError, NewScan, ScanTarget};
use sekisho::report::{Finding, ReportBinding, SourcePackage};
use sekisho::trust::TimeSource;

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
async fn a_report_handed_in_again_counts_by_what_names_more_of_the_image() {
    let place = or_skip!(place());
    let ledger = open(&place).await;
    let tied = |binding| NewScan {
        binding,
        ..scan("img", now())
    };
    let first = ledger
        .take_scan(tied(ReportBinding::Declared))
        .await
        .unwrap();
    let again = ledger
        .take_scan(tied(ReportBinding::Content))
        .await
        .unwrap();
    assert_eq!(
        (again.id, again.binding),
        (first.id, ReportBinding::Content)
    );
    let scans = evidence(&ledger, "img").await.scans;
    assert_eq!(scans[0].binding, ReportBinding::Content);
    let weaker = ledger
        .take_scan(tied(ReportBinding::Declared))
        .await
        .unwrap();
    assert_eq!(
        weaker.binding,
        ReportBinding::Content,
        "what is known stays known"
    );
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

/// One that was handed in before sources were read is the same one, with its sources.
#[tokio::test]
async fn a_report_without_a_time_becomes_no_newer_by_its_sources() {
    let place = or_skip!(place());
    let ledger = open(&place).await;
    let timeless = |source, received_at| NewScan {
        scanned_at: None,
        received_at,
        findings: vec![Finding {
            source,
            ..finding("CVE-2026-1")
        }],
        ..scan("img", now())
    };
    let source = Some(SourcePackage {
        name: "openssl-source".to_owned(),
        version: String::new(),
    });
    submit(&ledger, timeless(None, now())).await;
    let told = timeless(source.clone(), now() + minutes(60));
    submit(&ledger, told).await;
    assert_eq!(standing(&ledger).await, [(now(), None)]);
    let stands = evidence(&ledger, "img").await.scans;
    assert_eq!(stands[0].findings[0].source, source);
}

/// Minutes after the first report came; all of them lie behind the time of judgement.
fn at(count: i64) -> Timestamp {
    now() - minutes(200 - count)
}

/// Of a report that tells no time.
fn declared(at: Option<Timestamp>, received_at: Timestamp) -> NewScan {
    NewScan {
        scanned_at: None,
        declared_at: at,
        received_at,
        ..scan("img", now())
    }
}

#[tokio::test]
async fn a_later_declared_time_makes_another_scan_and_the_same_one_does_not() {
    let place = or_skip!(place());
    let ledger = open(&place).await;
    let first = submit(&ledger, declared(None, at(0))).await;
    let second = submit(&ledger, declared(Some(at(59)), at(60))).await;
    assert_ne!(first, second);
    assert_eq!(standing(&ledger).await, [(at(59), None)]);
    for again in [Some(at(59)), None] {
        let id = submit(&ledger, declared(again, at(120))).await;
        assert_eq!(id, second);
    }
    // What is declared to be older replaces nothing.
    submit(&ledger, declared(Some(at(10)), at(121))).await;
    assert_eq!(standing(&ledger).await, [(at(59), None)]);
    assert_eq!(submit(&ledger, declared(None, at(122))).await, second);
    let stands = evidence(&ledger, "img").await.scans;
    assert_eq!(stands[0].time_source, Some(TimeSource::Submitter(at(59))));
}

#[tokio::test]
async fn a_time_declared_a_little_ahead_counts_from_its_receipt_and_is_kept() {
    let place = or_skip!(place());
    let ledger = open(&place).await;
    let ahead = now() + minutes(4);
    let first = submit(&ledger, declared(Some(ahead), now())).await;
    let again = submit(&ledger, declared(Some(ahead), now() + minutes(1))).await;
    assert_eq!(again, first);
    assert_eq!(standing(&ledger).await, [(now(), None)]);
    let stands = evidence(&ledger, "img").await.scans;
    assert_eq!(stands[0].time_source, Some(TimeSource::Submitter(ahead)));
    let far = declared(Some(now() + minutes(6)), now());
    let refused = ledger.submit_scan(far).await;
    assert!(matches!(refused, Err(LedgerError::DeclaredAhead(..))));
}

#[tokio::test]
async fn a_declared_time_keeps_the_date_of_the_database_of_its_run_alone() {
    let place = or_skip!(place());
    let ledger = open(&place).await;
    let database = Some(at(0) - minutes(90));
    let [run, next] = [at(0), at(60)];
    submit(&ledger, dated(declared(Some(run), run), database)).await;
    submit(&ledger, declared(Some(run), next)).await;
    submit(&ledger, declared(None, next)).await;
    assert_eq!(standing(&ledger).await, [(run, database)]);
    submit(&ledger, declared(Some(next), next)).await;
    assert_eq!(standing(&ledger).await, [(next, None)]);
}

#[tokio::test]
async fn a_report_without_a_time_becomes_no_newer_by_the_push() {
    let place = or_skip!(place());
    let ledger = open(&place).await;
    for (declared_at, counts_from) in [(None, 31), (Some(at(40)), 40)] {
        let unpushed = NewScan {
            about: ScanTarget::ImageId(digest("id")),
            ..declared(declared_at, at(counts_from))
        };
        submit(&ledger, unpushed).await;
        let bind = BindScans {
            image_id: digest("id"),
            manifest: digest("img"),
            submitter: "ci".to_owned(),
            scope: Scope::everything(),
            at: at(counts_from),
        };
        ledger.bind_scans(bind).await.unwrap();
        submit(&ledger, declared(None, at(60))).await;
        assert_eq!(standing(&ledger).await, [(at(counts_from), None)]);
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
