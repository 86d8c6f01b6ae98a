//! A cluster as a whole, and what all these tests ask.

use jiff::Timestamp;

use super::super::{ExpectedCluster, ObjectList, Snapshot, judge};
use super::cluster;
use crate::diagnosis::{Diagnosis, Gravity};

fn now() -> Timestamp {
    "2026-06-01T00:00:00Z".parse().unwrap()
}

pub(super) fn found(snapshot: &Snapshot, expected: &ExpectedCluster) -> Vec<Diagnosis> {
    judge(snapshot, expected, now())
}

/// What is wrong, in words.
pub(super) fn wrong(snapshot: &Snapshot, expected: &ExpectedCluster) -> Vec<String> {
    let found = found(snapshot, expected);
    assert!(
        found
            .iter()
            .all(|finding| !finding.what.is_empty() && !finding.why.is_empty())
    );
    assert!(found.iter().all(|finding| !finding.next_step.is_empty()));
    of(&found, Gravity::Wrong)
}

pub(super) fn of(found: &[Diagnosis], gravity: Gravity) -> Vec<String> {
    let of = found.iter().filter(|finding| finding.gravity == gravity);
    of.map(|finding| finding.what.clone()).collect()
}

#[track_caller]
pub(super) fn assert_told(found: &[String], words: &str) {
    assert!(
        found.iter().any(|what| what.contains(words)),
        "{words}: {found:#?}"
    );
}

#[test]
fn a_healthy_cluster_has_nothing_wrong() {
    let found = found(&cluster::healthy(), &cluster::expected());
    assert_eq!(of(&found, Gravity::Wrong), [""; 0]);
    assert_eq!(of(&found, Gravity::Unknown), [""; 0]);
}

#[test]
fn what_could_not_be_read_is_reported() {
    let mut snapshot = cluster::healthy();
    snapshot.pods = ObjectList::Unknown("pods is forbidden".to_owned());
    snapshot.policies = ObjectList::NoSuchKind;
    let unknown = of(&found(&snapshot, &cluster::expected()), Gravity::Unknown);
    assert_told(&unknown, "Pods could not be read");
    assert_told(&unknown, "ValidatingAdmissionPolicies could not be read");
}

#[test]
fn many_findings_are_counted_and_not_all_shown() {
    let mut snapshot = cluster::healthy();
    let webhooks: Vec<_> = (0..300)
        .map(|index| cluster::other_webhook(&format!("hook-{index}")))
        .collect();
    cluster::add(&mut snapshot.validating, "others", webhooks);
    let found = found(&snapshot, &cluster::expected());
    assert_eq!(found.len(), 201);
    assert!(found[200].what.contains("more findings"));
}
