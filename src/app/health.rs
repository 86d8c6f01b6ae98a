//! The health of each part, for `/readyz`.

use std::sync::Arc;

use jiff::Timestamp;

use super::Components;
use super::config::InvalidFile;
use crate::ledger::WriteFailure;

use crate::oci::{counted, printable};
use crate::ops::{Health, HealthPart, Readiness};
use crate::tasks::Leaving;
use crate::tls::manager::AuthorityManager;

/// Seconds of ledger silence, or of clock difference, that are not reported.
const TOLERATED_SECONDS: i64 = 5;

/// Invalid files that are named, at most.
const MAX_FILES_NAMED: usize = 5;

/// Asks all parts, from memory.
pub(super) fn readiness(parts: &Arc<Components>, leaving: Leaving) -> Readiness {
    let parts = Arc::downgrade(parts);
    Readiness::new(move || match parts.upgrade() {
        Some(parts) if !leaving.is_so() => health(&parts, parts.gate.now()),
        Some(_) | None => vec![HealthPart::new(
            "program",
            Health::Failed("stopping".to_owned()),
        )],
    })
}

/// How each part does.
pub(super) fn health(parts: &Components, now: Timestamp) -> Vec<HealthPart> {
    [
        ledger(parts, now),
        audit(parts),
        clock(parts, now),
        policy(parts),
        cache(parts),
        certificates(parts, now),
    ]
    .into_iter()
    .chain(remote(parts, now))
    .collect()
}

/// Where there is a remote tier. Without it content comes from upstreams.
fn remote(parts: &Components, now: Timestamp) -> Option<HealthPart> {
    let problem = parts.cache.remote()?.condition(now).problem();
    let health = problem.map_or(Health::Ok, Health::Degraded);
    Some(HealthPart::new("remote", health))
}

/// What cannot be kept is fetched again for each node.
fn cache(parts: &Components) -> HealthPart {
    let health = parts.cache.write_fault().map_or(Health::Ok, |fault| {
        Health::Degraded(format!(
            "keeps nothing: {fault}; look at its folder, and start serve anew if that was removed"
        ))
    });
    HealthPart::new("cache", health)
}

fn ledger(parts: &Components, now: Timestamp) -> HealthPart {
    let age = parts.ledger.confirmed_age(now).as_secs();
    let unwritten = parts.ledger.write_failure();
    let unwritten = unwritten.map(|WriteFailure { fault, .. }| {
        format!("cannot be written: {fault}; {}", fault.next_step())
    });
    let silent = (age > TOLERATED_SECONDS).then(|| format!("silent for {age} s"));
    let unread = parts.ledger.read_fault();
    let unread = unread.map(|fault| format!("cannot be read: {fault}"));
    let told = unread.into_iter().chain(unwritten).chain(silent);
    let told: Vec<String> = told.collect();
    // Before nothing is decided any more: a load balancer asks another one then.
    let health = if parts.ledger.falls_silent_soon(now) {
        Health::Failed(told.join("; "))
    } else if told.is_empty() {
        Health::Ok
    } else {
        Health::Degraded(told.join("; "))
    };
    HealthPart::new("ledger", health)
}

/// While it cannot be written, decisions wait; in the end denials do, too.
fn audit(parts: &Components) -> HealthPart {
    let log = parts.records.log();
    let health = match log.fault {
        None => Health::Ok,
        Some(fault) => Health::Degraded(format!(
            "cannot be written: {fault}; {}; waiting: {}",
            fault.next_step(),
            counted(log.waiting, "decision")
        )),
    };
    HealthPart::new("audit", health)
}

/// Records from the future mean that this clock, or another one, is wrong.
fn clock(parts: &Components, now: Timestamp) -> HealthPart {
    let behind = parts.ledger.clock_behind(now).as_secs();
    let health = match behind {
        0..=TOLERATED_SECONDS => Health::Ok,
        _ => Health::Degraded(format!("{behind} s behind the newest record")),
    };
    HealthPart::new("clock", health)
}

/// Clients turn away from an expired certificate; one that cannot be replaced is
/// good until then.
fn certificates(parts: &Components, now: Timestamp) -> HealthPart {
    let ill = parts.certificates.problems(now);
    let manager = parts.authority.as_ref();
    let problem = manager.and_then(AuthorityManager::problem);
    let texts: Vec<String> = ill
        .iter()
        .map(|it| it.text.clone())
        .chain(problem)
        .collect();
    let health = match (texts.is_empty(), ill.iter().any(|it| it.is_fatal)) {
        (true, _) => Health::Ok,
        (false, false) => Health::Degraded(texts.join("; ")),
        (false, true) => Health::Failed(texts.join("; ")),
    };
    HealthPart::new("certificates", health)
}

/// Names the files that are not in force; `status` has their problems.
fn policy(parts: &Components) -> HealthPart {
    let invalid = parts.invalid_files.now();
    let name =
        |file: &InvalidFile| format!("{} {}", file.kind.as_str(), printable(&file.name, 100));
    let names: Vec<String> = invalid.iter().take(MAX_FILES_NAMED).map(name).collect();
    let more = match invalid.len().saturating_sub(MAX_FILES_NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let health = match invalid.is_empty() {
        true => Health::Ok,
        false => Health::Degraded(format!(
            "invalid, and what was last good holds: {}{more}",
            names.join(", ")
        )),
    };
    HealthPart::new("policy", health)
}
