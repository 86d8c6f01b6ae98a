//! Aggregates denials into events, so that a controller that retries does not flood its
//! namespace: one event for each owner and reason, whose count is updated from time to
//! time, and at most a few writes a second.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

use crate::kubernetes::exposure::Owner;

/// An event is updated for this long after its last denial; then a new one is created.
/// The API server keeps events for an hour.
const EVENT_LIFETIME: SignedDuration = SignedDuration::from_mins(30);
/// How often the count of one event is written.
const COUNT_INTERVAL: SignedDuration = SignedDuration::from_secs(60);
/// Events remembered at once; beyond that a new owner's denial is dropped.
const MAX_EVENTS: usize = 1024;
/// Writes in one second.
const MAX_WRITES_PER_SECOND: u32 = 5;

/// A Pod that was denied in earnest, not in a dry run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeniedPod {
    pub namespace: String,
    /// Its controller. A Pod without one was created by the client that received the
    /// denial.
    pub owner: Owner,
    /// One word for the first reason, such as `not-scanned`.
    pub reason: String,
    /// For people; cut off at 1024 bytes.
    pub message: String,
}

#[derive(Debug, Default)]
pub(super) struct EventAggregator {
    events: HashMap<Key, AggregatedEvent>,
    second: i64,
    writes: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    owner: String,
    reason: String,
}

#[derive(Debug)]
struct AggregatedEvent {
    event: String,
    count: i32,
    last_denied: Timestamp,
    written: Timestamp,
}

/// What to do about one denial.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum EventAction {
    /// Make an event under this name.
    Create(String),
    /// Write the count into the event of this name.
    Update { event: String, count: i32 },
    /// Counted; nothing to write yet.
    Counted,
    /// A limit is reached.
    Dropped,
}

impl EventAggregator {
    pub fn take(&mut self, denied: &DeniedPod, now: Timestamp) -> EventAction {
        let is_remembered = |_: &Key, aggregated: &mut AggregatedEvent| {
            aggregated.last_denied <= now
                && now.duration_since(aggregated.last_denied) < EVENT_LIFETIME
        };
        self.events.retain(is_remembered);
        let key = Key {
            owner: denied.owner.uid.clone(),
            reason: denied.reason.clone(),
        };
        let is_known = self.events.contains_key(&key);
        if !is_known && self.events.len() >= MAX_EVENTS {
            return EventAction::Dropped;
        }
        if let Some(aggregated) = self.events.get_mut(&key) {
            aggregated.count = aggregated.count.saturating_add(1);
            aggregated.last_denied = now;
            if now.duration_since(aggregated.written) < COUNT_INTERVAL {
                return EventAction::Counted;
            }
        }
        if !self.may_write(now) {
            return if is_known {
                EventAction::Counted
            } else {
                EventAction::Dropped
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
        self.events.remove(&key);
    }

    fn write(&mut self, key: Key, denied: &DeniedPod, now: Timestamp) -> EventAction {
        if let Some(aggregated) = self.events.get_mut(&key) {
            aggregated.written = now;
            return EventAction::Update {
                event: aggregated.event.clone(),
                count: aggregated.count,
            };
        }
        let event = event_name(&denied.owner.name, now);
        let aggregated = AggregatedEvent {
            event: event.clone(),
            count: 1,
            last_denied: now,
            written: now,
        };
        self.events.insert(key, aggregated);
        EventAction::Create(event)
    }

    fn may_write(&mut self, now: Timestamp) -> bool {
        if self.second != now.as_second() {
            (self.second, self.writes) = (now.as_second(), 0);
        }
        self.writes += 1;
        self.writes <= MAX_WRITES_PER_SECOND
    }
}

/// As clients name events: the object's name and the moment, in hexadecimal.
/// Names end at 253 characters.
fn event_name(owner: &str, now: Timestamp) -> String {
    let owner: String = owner.chars().take(200).collect();
    format!("{owner}.{:x}", now.as_nanosecond())
}
