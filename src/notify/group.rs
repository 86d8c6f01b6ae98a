//! Many things of one kind in one environment are one message: the first ones in full, and
//! a count of all.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::event::{Notice, NoticeSample};
use super::target::NotifyTarget;
use crate::ledger::{NoticeKey, PendingNotice};
use crate::oci::readable;

/// The longest text of a sample that is kept, in characters.
const MAX_TEXT_CHARS: usize = 1000;
/// Things that a message tells in full.
const MAX_SAMPLES: usize = 10;
/// A message waits for so long for others of its kind.
const GATHERED_FOR: SignedDuration = SignedDuration::from_secs(10);
/// Between two messages of one kind, in one environment, to one target.
const MIN_MESSAGE_INTERVAL: SignedDuration = SignedDuration::from_mins(5);

/// The messages that wait, by what they are about.
pub(super) struct Groups {
    pending: BTreeMap<NoticeKey, PendingNotice>,
    changed: BTreeSet<NoticeKey>,
}

impl Groups {
    pub(super) fn new(stored: Vec<PendingNotice>) -> Self {
        let keyed = stored.into_iter().map(|it| (it.key.clone(), it));
        Self {
            pending: keyed.collect(),
            changed: BTreeSet::new(),
        }
    }

    /// Adds something to the message of each target that wants it.
    pub(super) fn add<'a>(
        &mut self,
        notice: &Notice,
        targets: impl Iterator<Item = &'a NotifyTarget>,
        now: Timestamp,
    ) {
        for target in targets.filter(|it| it.wants(notice.kind, &notice.environment)) {
            let key = NoticeKey {
                target: target.name.clone(),
                kind: notice.kind.as_str().to_owned(),
                environment: notice.environment.clone(),
            };
            self.changed.insert(key.clone());
            let pending = self.pending.entry(key.clone());
            let pending = pending.or_insert_with(|| empty(key, now));
            add(pending, &notice.sample, now);
        }
    }

    /// Those that something was added to.
    pub(super) fn into_changed(self) -> Vec<PendingNotice> {
        let changed = self.changed;
        let all = self.pending.into_values();
        all.filter(|it| changed.contains(&it.key)).collect()
    }
}

fn empty(key: NoticeKey, now: Timestamp) -> PendingNotice {
    PendingNotice {
        key,
        count: 0,
        samples: "[]".to_owned(),
        opened_at: now,
        due_at: now,
        attempts: 0,
        sent_at: None,
        version: 0,
    }
}

fn add(pending: &mut PendingNotice, sample: &NoticeSample, now: Timestamp) {
    if pending.count == 0 {
        pending.opened_at = now;
        pending.attempts = 0;
        let soon = later(now, GATHERED_FOR);
        // What was sent by a clock that has been set back since was sent by now at the latest.
        let sent = pending.sent_at.map(|sent| sent.min(now));
        let apart = sent.map(|sent| later(sent, MIN_MESSAGE_INTERVAL));
        pending.due_at = apart.map_or(soon, |apart| apart.max(soon));
        pending.samples = "[]".to_owned();
    }
    pending.count = pending.count.saturating_add(1);
    let mut samples = samples(pending);
    if samples.len() < MAX_SAMPLES {
        samples.push(clipped(sample));
        if let Ok(text) = serde_json::to_string(&samples) {
            pending.samples = text;
        }
    }
}

/// What people and reports wrote may be of any length.
fn clipped(sample: &NoticeSample) -> NoticeSample {
    let short = |text: &str| readable(text, MAX_TEXT_CHARS);
    NoticeSample {
        what: short(&sample.what),
        detail: short(&sample.detail),
        next_step: short(&sample.next_step),
        ..sample.clone()
    }
}

/// What a message tells in full.
pub(super) fn samples(pending: &PendingNotice) -> Vec<NoticeSample> {
    serde_json::from_str(&pending.samples).unwrap_or_default()
}

pub(super) fn later(time: Timestamp, by: SignedDuration) -> Timestamp {
    time.checked_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::super::event::NoticeKind;
    use super::super::target::MessageFormat;
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn target(name: &str, environments: &[&str]) -> NotifyTarget {
        NotifyTarget {
            name: name.to_owned(),
            url: SecretString::from("http://127.0.0.1:1/"),
            secret: None,
            format: MessageFormat::CloudEvents,
            events: Vec::new(),
            environments: environments.iter().map(|it| it.parse().unwrap()).collect(),
            ca: None,
            addresses: Vec::new(),
            files: crate::notify::NotifyFiles::default(),
        }
    }

    fn denial(number: usize, environment: &str) -> Notice {
        Notice {
            kind: NoticeKind::FirstDenial,
            environment: environment.to_owned(),
            sample: NoticeSample {
                what: format!("app-{number}"),
                detail: "word ".repeat(1000),
                ..NoticeSample::default()
            },
            once: None,
        }
    }

    #[test]
    fn a_flood_is_one_message_of_bounded_size_with_a_count() {
        let targets = [target("all", &[]), target("staging", &["staging"])];
        let mut groups = Groups::new(Vec::new());
        for number in 0..10_000 {
            groups.add(&denial(number, "production"), targets.iter(), at(100));
        }
        let pending = groups.into_changed();
        assert_eq!(pending.len(), 1, "staging hears nothing of production");
        assert_eq!(pending[0].count, 10_000);
        assert_eq!(samples(&pending[0]).len(), MAX_SAMPLES);
        assert!(pending[0].samples.len() < 2 * MAX_SAMPLES * MAX_TEXT_CHARS);
        assert_eq!(pending[0].due_at, at(110));
    }

    #[test]
    fn a_clock_that_is_set_back_holds_no_message_up() {
        let targets = [target("all", &[])];
        let sent = PendingNotice {
            sent_at: Some(at(100_000)),
            ..empty(
                NoticeKey {
                    target: "all".to_owned(),
                    kind: "first-denial".to_owned(),
                    environment: "production".to_owned(),
                },
                at(99_000),
            )
        };
        let mut groups = Groups::new(vec![sent]);
        groups.add(&denial(1, "production"), targets.iter(), at(500));
        assert_eq!(groups.into_changed()[0].due_at, at(800));
    }

    #[test]
    fn messages_of_a_kind_are_apart() {
        let targets = [target("all", &[])];
        let mut groups = Groups::new(Vec::new());
        groups.add(&denial(1, "production"), targets.iter(), at(100));
        let mut sent = groups.into_changed();
        (sent[0].count, sent[0].sent_at) = (0, Some(at(110)));
        let mut groups = Groups::new(sent);
        groups.add(&denial(2, "production"), targets.iter(), at(120));
        let pending = groups.into_changed();
        assert_eq!((pending[0].count, pending[0].due_at), (1, at(410)));
        assert_eq!(samples(&pending[0])[0].what, "app-2");
    }
}
