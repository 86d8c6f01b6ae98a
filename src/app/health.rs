//! How the parts do, for `/readyz`.

use std::sync::Arc;

use jiff::Timestamp;

use super::Parts;
use super::config::Invalid;
use crate::oci::printable;
use crate::ops::{Health, Part, Readiness};
use crate::tls::manager::Keeper;

/// Seconds of silence, or between clocks, that nobody needs to hear of.
const TOLERATED_S: i64 = 5;

/// Invalid files that are named, at most.
const NAMED: usize = 5;

/// Asks all parts, from memory.
pub(super) fn readiness(parts: &Arc<Parts>) -> Readiness {
    let parts = Arc::downgrade(parts);
    Readiness::new(move || match parts.upgrade() {
        Some(parts) => {
            let now = parts.gate.now();
            vec![
                ledger(&parts, now),
                clock(&parts, now),
                policy(&parts),
                certificates(&parts, now),
            ]
        }
        None => vec![Part::new("program", Health::Failed("stopping".to_owned()))],
    })
}

fn ledger(parts: &Parts, now: Timestamp) -> Part {
    let age = parts.ledger.confirmed_age(now).as_secs();
    let health = if parts.ledger.is_silent(now) {
        Health::Failed(format!("silent for {age} s"))
    } else if age > TOLERATED_S {
        Health::Degraded(format!("silent for {age} s"))
    } else {
        Health::Ok
    };
    Part::new("ledger", health)
}

/// Records from the future mean that this clock, or another one, is wrong.
fn clock(parts: &Parts, now: Timestamp) -> Part {
    let behind = parts.ledger.clock_behind(now).as_secs();
    let health = match behind {
        0..=TOLERATED_S => Health::Ok,
        _ => Health::Degraded(format!("{behind} s behind the newest record")),
    };
    Part::new("clock", health)
}

/// Clients turn away from an expired certificate; one that cannot be replaced is
/// good until then.
fn certificates(parts: &Parts, now: Timestamp) -> Part {
    let ill = parts.certificates.ill(now);
    let keeper = parts.authority.as_ref();
    let problem = keeper.and_then(Keeper::problem);
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
    Part::new("certificates", health)
}

/// Names the files that are not in force; `status` has their problems.
fn policy(parts: &Parts) -> Part {
    let invalid = parts.invalid_files.now();
    let name = |file: &Invalid| format!("{} {}", file.kind.as_str(), printable(&file.name, 100));
    let names: Vec<String> = invalid.iter().take(NAMED).map(name).collect();
    let more = match invalid.len().saturating_sub(NAMED) {
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
    Part::new("policy", health)
}
