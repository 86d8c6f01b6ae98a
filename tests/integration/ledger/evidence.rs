//! What counts for a subject, and what does not.

use sekisho::ledger::{LedgerError, NewScan, ScanTarget};
use sekisho::oci::{Digest, Repository};
use sekisho::report::{Format, Incomplete, Package, ReportBinding};
use sekisho::trust::{EnvironmentName, Subject};

use super::place;
use super::records::*;
use crate::lab::or_skip;

#[tokio::test]
async fn the_same_report_is_one_scan() {
    let place = or_skip!(place());
    let ledger = place.serve().await;
    let first = ledger.submit_scan(scan("img", now())).await.unwrap();
    let again = NewScan {
        received_at: now() + minutes(1),
        ..scan("img", now())
    };
    assert_eq!(ledger.submit_scan(again).await.unwrap(), first);
    let other = NewScan {
        submitter: "other".to_owned(),
        ..scan("img", now())
    };
    assert_ne!(ledger.submit_scan(other).await.unwrap(), first);
}

#[tokio::test]
async fn scans_from_the_future_are_refused() {
    let place = or_skip!(place());
    let ledger = place.serve().await;
    let ahead = scan("img", now() + minutes(6));
    let refused = ledger.submit_scan(ahead).await;
    assert!(matches!(refused, Err(LedgerError::FromTheFuture(..))));
    let database = NewScan {
        database_at: Some(now() + minutes(6)),
        ..scan("img", now())
    };
    assert!(ledger.submit_scan(database).await.is_err());
    let skewed = scan("img", now() + minutes(5));
    ledger.submit_scan(skewed).await.unwrap();
}

#[tokio::test]
async fn reports_of_ever_more_tools_are_refused_and_a_new_one_of_a_known_tool_is_not() {
    let place = or_skip!(place());
    let ledger = place.serve().await;
    let by = |tool: usize, minute: i64| {
        let mut scan = scan("img", now() - minutes(minute));
        scan.tool.name = format!("tool {tool}");
        scan
    };
    for tool in 0..16 {
        ledger.submit_scan(by(tool, 60)).await.unwrap();
    }
    let refused = ledger.submit_scan(by(16, 60)).await;
    assert!(
        matches!(refused, Err(LedgerError::TooManyScans { scans: 17, .. })),
        "{refused:?}"
    );
    ledger.submit_scan(by(3, 1)).await.unwrap();
    let other = NewScan {
        submitter: "other".to_owned(),
        ..by(16, 60)
    };
    ledger.submit_scan(other).await.unwrap();
    let closure = image("img", &["base"]);
    ledger.record_closure(&app(), &closure).await.unwrap();
    assert_eq!(scans(&ledger, "img").await.len(), 17);
}

#[tokio::test]
async fn an_older_scan_submitted_later_replaces_nothing() {
    let place = or_skip!(place());
    let ledger = place.serve().await;
    let closure = image("img", &["base"]);
    ledger.record_closure(&app(), &closure).await.unwrap();
    let newer = ledger.submit_scan(scan("img", now())).await.unwrap();
    let older = scan("img", now() - minutes(60));
    ledger.submit_scan(older).await.unwrap();
    let counting: Vec<i64> = scans(&ledger, "img").await;
    assert_eq!(counting, [newer]);
}

async fn scans(ledger: &sekisho::ledger::Ledger, root: &str) -> Vec<i64> {
    let evidence = evidence(ledger, root).await;
    evidence.scans.iter().map(|scan| scan.id).collect()
}

/// Clocks differ by some minutes.
#[tokio::test]
async fn a_scan_dated_a_little_ahead_counts_from_when_it_came() {
    let place = or_skip!(place());
    let ledger = place.serve().await;
    let closure = image("img", &["base"]);
    ledger.record_closure(&app(), &closure).await.unwrap();
    ledger.submit_scan(scan("img", now())).await.unwrap();
    let ahead = scan("img", now() + minutes(4));
    let ahead = ledger.submit_scan(ahead).await.unwrap();
    assert_eq!(scans(&ledger, "img").await, [ahead]);
    let evidence = evidence(&ledger, "img").await;
    assert_eq!(evidence.scans[0].scanned_at, now());
}

/// A clock that ran a month ahead, and was set right: what came by it counts once its time
/// has come, and until then nothing that it replaced is gone.
#[tokio::test]
async fn a_scan_of_a_clock_that_was_ahead_hides_none_once_it_is_set_back() {
    let place = or_skip!(place());
    let ledger = place.serve().await;
    let closure = image("img", &["base"]);
    ledger.record_closure(&app(), &closure).await.unwrap();
    let true_scan = ledger.submit_scan(scan("img", now())).await.unwrap();
    let month = now() + minutes(30 * 24 * 60);
    let ahead = NewScan {
        received_at: month,
        ..scan("img", month)
    };
    let ahead = ledger.submit_scan(ahead).await.unwrap();
    let known = async |at| {
        let closure = ledger.index().closure(&app(), &digest("img")).unwrap();
        let read = ledger.evidence(&subject("img"), closure, &[], at).await;
        let (evidence, _) = read.unwrap();
        Vec::from_iter(evidence.scans.iter().map(|scan| scan.id))
    };
    assert_eq!(known(month).await, [ahead]);
    assert_eq!(known(now()).await, [ahead, true_scan]);
    let after = ledger.submit_scan(scan("img", now())).await.unwrap();
    assert!(known(now()).await.contains(&after));
}

/// SARIF has neither ratings nor packages: what it leaves out is not gone.
#[tokio::test]
async fn a_lossy_report_replaces_no_whole_one() {
    let place = or_skip!(place());
    let ledger = place.serve().await;
    let closure = image("img", &["base"]);
    ledger.record_closure(&app(), &closure).await.unwrap();
    let lossy = |at| NewScan {
        format: Format::Sarif,
        findings: Vec::new(),
        ..scan("img", at)
    };
    let whole = scan("img", now() - minutes(9));
    let whole = ledger.submit_scan(whole).await.unwrap();
    let old = lossy(now() - minutes(6));
    ledger.submit_scan(old).await.unwrap();
    let new = lossy(now() - minutes(3));
    let new = ledger.submit_scan(new).await.unwrap();
    assert_eq!(scans(&ledger, "img").await, [new, whole]);
}

/// A clean report without a digest fits any image.
#[tokio::test]
async fn a_report_that_names_no_image_or_has_gaps_replaces_none_that_does_and_has_none() {
    let place = or_skip!(place());
    let ledger = place.serve().await;
    let closure = image("img", &["base"]);
    ledger.record_closure(&app(), &closure).await.unwrap();
    let named = scan("img", now() - minutes(9));
    let named = ledger.submit_scan(named).await.unwrap();
    let nameless = NewScan {
        binding: ReportBinding::Declared,
        findings: Vec::new(),
        ..scan("img", now() - minutes(6))
    };
    let nameless = ledger.submit_scan(nameless).await.unwrap();
    let gaps = NewScan {
        incomplete: vec![Incomplete::NothingRecognised],
        ..scan("img", now() - minutes(3))
    };
    let gaps = ledger.submit_scan(gaps).await.unwrap();
    assert_eq!(scans(&ledger, "img").await, [gaps, nameless, named]);
    let by_index = NewScan {
        binding: ReportBinding::Index,
        ..scan("img", now() - minutes(1))
    };
    let by_index = ledger.submit_scan(by_index).await.unwrap();
    assert_eq!(scans(&ledger, "img").await, [by_index]);
    drop(ledger);
    let again = place.serve().await;
    assert_eq!(scans(&again, "img").await, [by_index]);
}

/// Harbor has no place for any of it: its silence lifts nothing.
#[tokio::test]
async fn what_a_report_said_stands_until_one_that_would_say_it_comes() {
    type Say = fn(&mut NewScan);
    let said: [(Format, Say); 4] = [
        (Format::Trivy, |scan| scan.end_of_life = true),
        (Format::Aqua, |scan| scan.malware = 1),
        (Format::Aqua, |scan| scan.secrets = 1),
        (Format::Trivy, |scan| scan.packages = vec![package(1)]),
    ];
    for (format, say) in said {
        let place = or_skip!(place());
        let ledger = place.serve().await;
        let closure = image("img", &["base"]);
        ledger.record_closure(&app(), &closure).await.unwrap();
        let submit = async |format, ago, say: Say| {
            let mut new = NewScan {
                format,
                findings: Vec::new(),
                ..scan("img", now() - minutes(ago))
            };
            say(&mut new);
            ledger.submit_scan(new).await.unwrap()
        };
        let first = submit(format, 9, say).await;
        let silent = submit(Format::Harbor, 6, |_| {}).await;
        assert_eq!(scans(&ledger, "img").await, [silent, first], "{format}");
        let again = submit(format, 3, say).await;
        assert_eq!(scans(&ledger, "img").await, [again], "{format}");
    }
}

#[tokio::test]
async fn what_a_report_lists_is_kept_beside_it() {
    let place = or_skip!(place());
    let ledger = place.serve().await;
    let closure = image("img", &["base"]);
    ledger.record_closure(&app(), &closure).await.unwrap();
    let packages: Vec<Package> = (0..2500).map(package).collect();
    let new = NewScan {
        malware: 2,
        secrets: 3,
        packages: packages.clone(),
        ..scan("img", now())
    };
    ledger.submit_scan(new).await.unwrap();
    let other = NewScan {
        submitter: "other".to_owned(),
        ..scan("img", now() - minutes(1))
    };
    ledger.submit_scan(other).await.unwrap();
    drop(ledger);
    let body = place.text("SELECT body FROM scans").await;
    assert!(!body.contains("CVE-2026-1") && !body.contains("package 7"));
    let read = evidence(&place.serve().await, "img").await.scans;
    assert_eq!((read[0].malware, read[1].malware), (2, 0));
    assert_eq!((read[0].secrets, read[1].secrets), (3, 0));
    assert_eq!(read[0].packages, packages);
    assert!(read[1].packages.is_empty());
    assert_eq!(read[1].findings, scan("img", now()).findings);
}

fn package(number: u32) -> Package {
    Package {
        name: format!("package {number}"),
        version: "1".to_owned(),
        purl: Some(format!("pkg:deb/debian/package{number}@1")),
        source: None,
    }
}

/// A report that an earlier version took in is still the same one.
#[tokio::test]
async fn malware_secrets_and_packages_make_another_report() {
    let place = or_skip!(place());
    let ledger = place.serve().await;
    let first = ledger.submit_scan(scan("img", now())).await.unwrap();
    let malware = NewScan {
        malware: 1,
        ..scan("img", now())
    };
    let secrets = NewScan {
        secrets: 1,
        ..scan("img", now())
    };
    let packages = NewScan {
        packages: vec![package(1)],
        ..scan("img", now())
    };
    for new in [malware, secrets, packages] {
        assert_ne!(ledger.submit_scan(new).await.unwrap(), first);
    }
    assert_eq!(ledger.submit_scan(scan("img", now())).await.unwrap(), first);
}

#[tokio::test]
async fn an_index_has_the_scans_of_all_its_images() {
    let place = or_skip!(place());
    let ledger = place.serve().await;
    let both = index("idx", &[("amd", "l1"), ("arm", "l2")]);
    ledger.record_closure(&app(), &both).await.unwrap();
    for manifest in ["amd", "arm", "stranger"] {
        ledger.submit_scan(scan(manifest, now())).await.unwrap();
    }
    let evidence = evidence(&ledger, "idx").await;
    let mut of: Vec<Digest> = evidence.scans.iter().map(|s| s.manifest.clone()).collect();
    of.sort();
    let mut expected = [digest("amd"), digest("arm")];
    expected.sort();
    assert_eq!(of, expected);
}

#[tokio::test]
async fn a_promoted_index_promotes_its_children_in_its_repository_only() {
    let place = or_skip!(place());
    let ledger = place.serve().await;
    let other = Repository::parse("registry.corp/other").unwrap();
    let both = index("idx", &[("amd", "l1")]);
    for repository in [&app(), &other] {
        ledger.record_closure(repository, &both).await.unwrap();
    }
    ledger.promote(promotion("idx", None)).await.unwrap();
    assert_eq!(evidence(&ledger, "amd").await.promotions.len(), 1);
    let elsewhere = Subject {
        repository: other.clone(),
        ..subject("amd")
    };
    let child = ledger.index().closure(&other, &digest("amd")).unwrap();
    let (there, _) = ledger
        .evidence(&elsewhere, child.clone(), &[], now())
        .await
        .unwrap();
    assert!(there.promotions.is_empty());
    let staging = Subject {
        environment: EnvironmentName::parse("staging").unwrap(),
        ..subject("amd")
    };
    let (there, _) = ledger.evidence(&staging, child, &[], now()).await.unwrap();
    assert!(there.promotions.is_empty());
}

#[tokio::test]
async fn a_revocation_reaches_up_and_down() {
    for revoked in ["amd", "config of amd", "l1", "idx"] {
        let place = or_skip!(place());
        let ledger = place.serve().await;
        let both = index("idx", &[("amd", "l1"), ("arm", "l2")]);
        ledger.record_closure(&app(), &both).await.unwrap();
        ledger.revoke(revocation(digest(revoked))).await.unwrap();
        for (root, hit) in [("idx", true), ("amd", true), ("arm", revoked == "idx")] {
            let found = !evidence(&ledger, root).await.revocations.is_empty();
            assert_eq!(found, hit, "{revoked} revoked, {root} asked");
        }
    }
}

#[tokio::test]
async fn a_revoked_index_between_revokes_root_and_children() {
    let place = or_skip!(place());
    let ledger = place.serve().await;
    let closure = nested("idx", "between", &[("amd", "l1")]);
    ledger.record_closure(&app(), &closure).await.unwrap();
    let revoked = revocation(digest("between"));
    ledger.revoke(revoked).await.unwrap();
    for root in ["idx", "amd"] {
        assert_eq!(evidence(&ledger, root).await.revocations.len(), 1, "{root}");
    }
    ledger.promote(promotion("between", None)).await.unwrap();
    let promoted = evidence(&ledger, "amd").await.promotions;
    assert!(promoted.is_empty(), "whose children are whose is not known");
}

#[tokio::test]
async fn a_revoked_index_elsewhere_revokes_the_child_here() {
    let place = or_skip!(place());
    let ledger = place.serve().await;
    let other = Repository::parse("registry.corp/other").unwrap();
    let child = image("amd", &["l1"]);
    ledger.record_closure(&app(), &child).await.unwrap();
    let parents = index("idx", &[("amd", "l1")]);
    ledger.record_closure(&other, &parents).await.unwrap();
    ledger.revoke(revocation(digest("idx"))).await.unwrap();
    assert_eq!(evidence(&ledger, "amd").await.revocations.len(), 1);
}

#[tokio::test]
async fn revoked_alias_counts() {
    let place = or_skip!(place());
    let ledger = place.serve().await;
    let closure = image("img", &["base"]);
    ledger.record_closure(&app(), &closure).await.unwrap();
    let layer = Digest::sha512(b"base");
    ledger.revoke(revocation(layer.clone())).await.unwrap();
    assert!(evidence(&ledger, "img").await.revocations.is_empty());
    ledger
        .record_aliases(&[pair(&digest("base"), &layer)])
        .await
        .unwrap();
    assert_eq!(evidence(&ledger, "img").await.revocations.len(), 1);
    assert!(ledger.index().is_revoked(&digest("base")));
    let swapped = ledger
        .record_aliases(&[pair(&layer, &digest("base"))])
        .await;
    assert!(matches!(swapped, Err(LedgerError::NoAlias)));
}

#[tokio::test]
async fn an_alias_inherits_no_scan_and_no_promotion() {
    let place = or_skip!(place());
    let ledger = place.serve().await;
    let closure = image("img", &["base"]);
    ledger.record_closure(&app(), &closure).await.unwrap();
    let twin = Digest::sha512(b"img");
    let mut of_twin = scan("img", now());
    of_twin.about = ScanTarget::Manifest(twin.clone());
    ledger.submit_scan(of_twin).await.unwrap();
    let mut promoted = promotion("img", None);
    promoted.subject.digest = twin.clone();
    ledger.promote(promoted).await.unwrap();
    ledger
        .record_aliases(&[pair(&digest("img"), &twin)])
        .await
        .unwrap();
    let evidence = evidence(&ledger, "img").await;
    assert!(evidence.scans.is_empty() && evidence.promotions.is_empty());
}

#[tokio::test]
async fn reinstated_is_not_revoked() {
    let place = or_skip!(place());
    let ledger = place.serve().await;
    let closure = image("img", &["base"]);
    ledger.record_closure(&app(), &closure).await.unwrap();
    ledger.revoke(revocation(digest("img"))).await.unwrap();
    let mut narrowed = reinstatement(digest("img"));
    narrowed.environment = Some(production());
    assert_eq!(ledger.reinstate(narrowed).await.unwrap(), 0);
    assert!(ledger.index().is_revoked(&digest("img")));
    let undo = reinstatement(digest("img"));
    assert_eq!(ledger.reinstate(undo).await.unwrap(), 1);
    assert!(evidence(&ledger, "img").await.revocations.is_empty());
    assert!(!ledger.index().is_revoked(&digest("img")));
}

#[tokio::test]
async fn another_closure_than_the_subjects_is_refused() {
    let place = or_skip!(place());
    let ledger = place.serve().await;
    let clean = image("clean", &["base"]);
    let read = ledger.evidence(&subject("img"), clean, &[], now()).await;
    assert!(matches!(read, Err(LedgerError::OtherRoot)));
}

#[tokio::test]
async fn a_hundred_thousand_findings_are_kept() {
    let place = or_skip!(place());
    let ledger = place.serve().await;
    let closure = image("img", &["base"]);
    ledger.record_closure(&app(), &closure).await.unwrap();
    let many = NewScan {
        findings: (0..100_000).map(|n| finding(&format!("CVE-{n}"))).collect(),
        ..scan("img", now())
    };
    ledger.submit_scan(many).await.unwrap();
    let findings = &evidence(&ledger, "img").await.scans[0].findings;
    assert_eq!(findings.len(), 100_000);
    assert_eq!(findings[99_999].id, "CVE-99999");
}
