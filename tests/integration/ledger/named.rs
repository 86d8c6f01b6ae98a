//! Which vulnerabilities are named, and since when.

use jiff::Timestamp;
use sekisho::access::Scope;
use sekisho::ledger::{Ledger, NewScan};
use sekisho::oci::{Digest, RepositoryGlobs};
use sekisho::report::{Finding, Format, Severity};

use super::place;
use super::records::*;
use crate::lab::or_skip;

fn rated(severity: Option<Severity>) -> Finding {
    Finding {
        severity,
        ..finding("CVE-2026-1")
    }
}

fn report(submitter: &str, at: Timestamp, findings: Vec<Finding>) -> NewScan {
    NewScan {
        submitter: submitter.to_owned(),
        received_at: at,
        findings,
        ..scan("img", at)
    }
}

/// Severities by when they were first named, of all submitters together.
async fn firsts(ledger: &Ledger) -> Vec<(Option<Severity>, Timestamp)> {
    let named = ledger.first_reported([&digest("img")]).await.unwrap();
    assert!(named.iter().all(|it| it.manifest == digest("img")));
    let named = named.iter().map(|it| (it.finding.severity, it.received_at));
    named.collect()
}

/// Every night the same scanners report: `grace_for_worse` counts from the first.
#[tokio::test]
async fn a_finding_counts_from_the_first_report_of_each_submitter() {
    let place = or_skip!(place());
    let ledger = place.serve().await;
    let high = Some(Severity::High);
    let night = |n: i64| now() - minutes(60 - n);
    for (night, submitter, severity) in [
        (night(1), "ci", Some(Severity::Low)),
        (night(2), "ci", high),
        (night(3), "nightly", high),
        (night(4), "ci", high),
        (night(5), "ci", None),
        (night(6), "ci", Some(Severity::Low)),
    ] {
        let new = report(submitter, night, vec![rated(severity)]);
        ledger.submit_scan(new).await.unwrap();
    }
    let expected = [
        (Some(Severity::Low), night(1)),
        (high, night(2)),
        (high, night(3)),
        (None, night(5)),
    ];
    assert_eq!(firsts(&ledger).await, expected);
    let other = ledger.first_reported([&digest("other")]).await.unwrap();
    assert!(other.is_empty());
}

#[tokio::test]
async fn a_fix_or_another_status_is_no_new_finding_and_another_version_is() {
    let place = or_skip!(place());
    let ledger = place.serve().await;
    let first = finding("CVE-2026-1");
    let fixed = Finding {
        fixed: Some("3.0.9".to_owned()),
        status: Some("fixed".to_owned()),
        severity_source: Some("nvd".to_owned()),
        ..first.clone()
    };
    let elsewhere = Finding {
        installed: "1.1.1".to_owned(),
        ..first.clone()
    };
    let at = |ago| now() - minutes(ago);
    for (ago, findings) in [(9, vec![first]), (6, vec![fixed, elsewhere])] {
        let new = report("ci", at(ago), findings);
        ledger.submit_scan(new).await.unwrap();
    }
    let named = ledger.first_reported([&digest("img")]).await.unwrap();
    let named = named
        .iter()
        .map(|it| (&*it.finding.installed, it.received_at));
    let expected = [("3.0.1", at(9)), ("1.1.1", at(6))];
    assert_eq!(named.collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn each_scope_has_its_own_beginning() {
    let place = or_skip!(place());
    let ledger = place.serve().await;
    let globs = RepositoryGlobs::new(vec!["registry.corp/app".to_owned()]).unwrap();
    let narrow = Scope::new(globs, vec!["production".to_owned()]);
    let early = report("ci", now() - minutes(9), vec![finding("CVE-2026-1")]);
    ledger.submit_scan(early).await.unwrap();
    let late = NewScan {
        scope: narrow,
        ..report("ci", now(), vec![finding("CVE-2026-1")])
    };
    ledger.submit_scan(late).await.unwrap();
    let named = ledger.first_reported([&digest("img")]).await.unwrap();
    let scopes = named.iter().map(|it| it.scope.environments().len());
    assert_eq!(scopes.collect::<Vec<_>>(), [0, 1]);
}

/// What a thief named first is forgotten; what others named has its own time.
#[tokio::test]
async fn withdrawn_reports_named_nothing() {
    let place = or_skip!(place());
    let ledger = place.serve().await;
    ledger.create_token(token("ci")).await.unwrap();
    let high = Some(Severity::High);
    for (ago, submitter, severity) in [
        (9, "ci", high),
        (6, "nightly", high),
        (3, "ci", Some(Severity::Low)),
    ] {
        let at = now() - minutes(ago);
        let new = report(submitter, at, vec![rated(severity)]);
        ledger.submit_scan(new).await.unwrap();
    }
    ledger.revoke_token("ci", true, now()).await.unwrap();
    assert_eq!(firsts(&ledger).await, [(high, now() - minutes(6))]);
    let naming = naming(&ledger, "CVE-2026-1").await;
    assert_eq!(naming, [digest("img")], "the other's stands");
}

async fn naming(ledger: &Ledger, id: &str) -> Vec<Digest> {
    let ids = ["CVE-0000-0".to_owned(), id.to_owned()];
    let named = ledger.manifests_reporting(&ids).await.unwrap();
    let mut named = Vec::from_iter(named);
    named.sort();
    named
}

#[tokio::test]
async fn scans_are_found_by_id_and_alias_in_any_case() {
    let place = or_skip!(place());
    let ledger = place.serve().await;
    for manifest in ["one", "two"] {
        ledger.submit_scan(scan(manifest, now())).await.unwrap();
    }
    let mut both = [digest("one"), digest("two")];
    both.sort_by_key(Digest::to_string);
    for id in ["CVE-2026-1", "cve-2026-2", "ghsa-1"] {
        assert_eq!(naming(&ledger, id).await, both, "{id}");
    }
    for id in ["CVE-2026", "CVE-2026-10", "%", ""] {
        assert!(naming(&ledger, id).await.is_empty(), "{id}");
    }
}

#[tokio::test]
async fn what_was_replaced_names_nothing() {
    let place = or_skip!(place());
    let ledger = place.serve().await;
    let at = |ago| now() - minutes(ago);
    let submit = async |submitter, ago, id| {
        let new = report(submitter, at(ago), vec![finding(id)]);
        ledger.submit_scan(new).await.unwrap()
    };
    submit("ci", 9, "CVE-old").await;
    submit("nightly", 9, "CVE-nightly").await;
    submit("ci", 6, "CVE-new").await;
    submit("ci", 7, "CVE-late").await;
    let lossy = NewScan {
        format: Format::Sarif,
        ..report("ci", at(1), vec![finding("CVE-lossy")])
    };
    ledger.submit_scan(lossy).await.unwrap();
    for (id, named) in [
        ("CVE-old", false),
        ("CVE-late", false),
        ("CVE-new", true),
        ("CVE-nightly", true),
        ("CVE-lossy", true),
        ("GHSA-1", true),
    ] {
        assert_eq!(naming(&ledger, id).await.len(), usize::from(named), "{id}");
    }
}

#[tokio::test]
async fn what_was_withdrawn_names_nothing() {
    let place = or_skip!(place());
    let ledger = place.serve().await;
    ledger.create_token(token("ci")).await.unwrap();
    ledger.submit_scan(scan("img", now())).await.unwrap();
    ledger.revoke_token("ci", true, now()).await.unwrap();
    assert!(naming(&ledger, "CVE-2026-1").await.is_empty());
}
