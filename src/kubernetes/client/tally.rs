//! Which denials become events, so that a controller that tries again and again
//! does not flood its namespace: one event for each owner and reason, counted up
//! from time to time, and never more than a few writes a second.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

use crate::kubernetes::exposure::Owner;

/// An event is counted up for this long after it was last met; then a new one is
/// made. The API server keeps events for an hour.
const MEMORY: SignedDuration = SignedDuration::from_mins(30);
/// How often the count of one event is written.
const COUNT_EVERY: SignedDuration = SignedDuration::from_secs(60);
/// Events remembered at once; beyond that a new owner's denial is dropped.
const REMEMBERED: usize = 1024;
/// Writes in one second.
const WRITES: u32 = 5;

/// A Pod that was denied in earnest, not in a dry run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeniedPod {
    pub namespace: String,
    /// Its controller; a Pod made by hand has none, and its maker was told.
    pub owner: Owner,
    /// One word for the first reason, such as `not-scanned`.
    pub reason: String,
    /// For people; cut off at 1024 bytes.
    pub message: String,
}

#[derive(Debug, Default)]
pub(super) struct Tally {
    told: HashMap<Key, Told>,
    second: i64,
    writes: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    owner: String,
    reason: String,
}

#[derive(Debug)]
struct Told {
    event: String,
    count: i32,
    met: Timestamp,
    written: Timestamp,
}

/// What to do about one denial.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Telling {
    /// Make an event under this name.
    New(String),
    /// Write how often it was met into the event of this name.
    Again { event: String, count: i32 },
    /// Counted; nothing to write yet.
    Counted,
    /// Too much is told already.
    Dropped,
}

impl Tally {
    pub fn take(&mut self, denied: &DeniedPod, now: Timestamp) -> Telling {
        let is_remembered =
            |_: &Key, told: &mut Told| told.met <= now && now.duration_since(told.met) < MEMORY;
        self.told.retain(is_remembered);
        let key = Key {
            owner: denied.owner.uid.clone(),
            reason: denied.reason.clone(),
        };
        let is_known = self.told.contains_key(&key);
        if !is_known && self.told.len() >= REMEMBERED {
            return Telling::Dropped;
        }
        if let Some(told) = self.told.get_mut(&key) {
            told.count = told.count.saturating_add(1);
            told.met = now;
            if now.duration_since(told.written) < COUNT_EVERY {
                return Telling::Counted;
            }
        }
        if !self.may_write(now) {
            return if is_known {
                Telling::Counted
            } else {
                Telling::Dropped
            };
        }
        self.write(key, denied, now)
    }

    /// Forgets an event that could not be written or is gone.
    pub fn forget(&mut self, denied: &DeniedPod) {
        let key = Key {
            owner: denied.owner.uid.clone(),
            reason: denied.reason.clone(),
        };
        self.told.remove(&key);
    }

    fn write(&mut self, key: Key, denied: &DeniedPod, now: Timestamp) -> Telling {
        if let Some(told) = self.told.get_mut(&key) {
            told.written = now;
            return Telling::Again {
                event: told.event.clone(),
                count: told.count,
            };
        }
        let event = event_name(&denied.owner.name, now);
        let told = Told {
            event: event.clone(),
            count: 1,
            met: now,
            written: now,
        };
        self.told.insert(key, told);
        Telling::New(event)
    }

    fn may_write(&mut self, now: Timestamp) -> bool {
        if self.second != now.as_second() {
            (self.second, self.writes) = (now.as_second(), 0);
        }
        self.writes += 1;
        self.writes <= WRITES
    }
}

/// As clients name events: the object's name and the moment, in hexadecimal.
/// Names end at 253 characters.
fn event_name(owner: &str, now: Timestamp) -> String {
    let owner: String = owner.chars().take(200).collect();
    format!("{owner}.{:x}", now.as_nanosecond())
}
