//! How the parts do, for `/readyz`.

use std::sync::Arc;

use jiff::Timestamp;

use super::Parts;
use crate::ops::{Health, Part, Readiness};

/// Seconds of silence, or between clocks, that nobody needs to hear of.
const TOLERATED_S: i64 = 5;

/// Asks all parts, from memory.
pub(super) fn readiness(parts: &Arc<Parts>) -> Readiness {
    let parts = Arc::downgrade(parts);
    Readiness::new(move || match parts.upgrade() {
        Some(parts) => {
            let now = Timestamp::now();
            vec![ledger(&parts, now), clock(&parts, now), policy(&parts)]
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

fn policy(parts: &Parts) -> Part {
    let health = match parts.policy_file.problem() {
        Some(_) => {
            Health::Degraded("the file on disk is invalid; the last good one holds".to_owned())
        }
        None => Health::Ok,
    };
    Part::new("policy", health)
}
