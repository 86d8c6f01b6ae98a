//! What a message says, whatever its format.

use super::event::{NoticeKind, NoticeSample};
use super::group::samples;
use crate::ledger::PendingNotice;
use crate::oci::printable;

/// The longest text of a part of a message, in characters.
const MAX_CHARS: usize = 300;

/// A message that is to be sent.
pub(super) struct Message {
    pub(super) id: String,
    pub(super) kind: NoticeKind,
    pub(super) environment: String,
    pub(super) time: jiff::Timestamp,
    pub(super) count: u64,
    pub(super) samples: Vec<NoticeSample>,
    /// Where people read more: `https://sekisho.example/`.
    pub(super) public_url: String,
}

impl Message {
    /// `None`: of a kind that this program does not know.
    pub(super) fn of(pending: &PendingNotice, public_url: &str) -> Option<Self> {
        let key = &pending.key;
        let opened = pending.opened_at;
        Some(Self {
            id: format!(
                "{}-{}-{}-{}",
                key.kind,
                key.environment,
                opened.as_microsecond(),
                pending.count
            ),
            kind: NoticeKind::of(&key.kind)?,
            environment: key.environment.clone(),
            time: opened,
            count: pending.count,
            samples: samples(pending),
            public_url: public_url.to_owned(),
        })
    }

    pub(super) fn sample(now: jiff::Timestamp, public_url: &str) -> Self {
        let sample = NoticeSample {
            time: now,
            what: "registry.example/team/app:1".to_owned(),
            detail: "this is a test, and nothing happened".to_owned(),
            next_step: "nothing is to be done".to_owned(),
            ..NoticeSample::default()
        };
        Self {
            id: format!("test-{}", now.as_microsecond()),
            kind: NoticeKind::Test,
            environment: String::new(),
            time: now,
            count: 1,
            samples: vec![sample],
            public_url: public_url.to_owned(),
        }
    }

    /// One line of what happened.
    pub(super) fn title(&self) -> String {
        let (count, place) = (self.count, &self.environment);
        let images = match count {
            1 => "1 image".to_owned(),
            _ => format!("{count} images"),
        };
        match self.kind {
            NoticeKind::FirstDenial => {
                format!("Sekisho: {images} denied in {place} for the first time")
            }
            NoticeKind::TurnedBad => {
                format!("Sekisho: {images} running in {place} would be denied now")
            }
            NoticeKind::RevokedRunning => {
                format!("Sekisho: {images} revoked and running in {place}")
            }
            NoticeKind::Override if place.is_empty() => format!("Sekisho: {count} overrides"),
            NoticeKind::Override => format!("Sekisho: override in {place} ({count})"),
            NoticeKind::Forecast => {
                format!("Sekisho: {images} in {place} will be denied by tomorrow")
            }
            NoticeKind::Test => "Sekisho: a test".to_owned(),
        }
    }

    /// How many it does not tell in full.
    pub(super) fn others(&self) -> u64 {
        self.count.saturating_sub(self.samples.len() as u64)
    }

    /// Where something of it is read.
    pub(super) fn link(&self, sample: &NoticeSample) -> Option<String> {
        let path = sample.path.as_ref()?;
        let base = self.public_url.trim_end_matches('/');
        (!base.is_empty()).then(|| format!("{base}{path}"))
    }
}

/// What happened to one thing, in one line.
pub(super) fn line(sample: &NoticeSample) -> String {
    let reason = sample.reason.as_deref();
    let reason = reason.map(|it| format!(" [{it}]")).unwrap_or_default();
    let told = format!("{}{reason}: {}", sample.what, sample.detail);
    printable(&told, MAX_CHARS)
}

/// What to do about it.
pub(super) fn next_step(sample: &NoticeSample) -> String {
    printable(&sample.next_step, MAX_CHARS)
}
