//! Gathers and sends, in rounds. One at a time: what is sent does not change meanwhile.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;

use super::condition::{Conditions, MAX_PAUSE, TargetCondition, asked_pause};
use super::error::{NotifyError, SendError};
use super::event::NoticeSample;
use super::gather::{foreseen, forget_once, gather, keep};
use super::group::later;
use super::message::Message;
use super::sender::Sender;
use super::target::{NotifySecrets, NotifyTarget};
use crate::ledger::{Ledger, LedgerError, NoticeBatch, PendingNotice};
use crate::metrics::{Metrics, NotificationLabels, NotificationResult, NotifyTargetLabels};

/// The first pause after a message that did not get through; it doubles.
const FIRST_PAUSE: SignedDuration = SignedDuration::from_secs(10);
/// After so long no further message to one target is begun in a round.
const MAX_ROUND: Duration = Duration::from_secs(10);
/// Who tries a message has it alone for so long.
const CLAIMED_FOR: SignedDuration = SignedDuration::from_mins(1);
/// A message that did not get through for so long is given up.
const GIVEN_UP_AFTER: SignedDuration = SignedDuration::from_hours(24);
/// How often the forecast is told.
const FORECAST_EVERY: SignedDuration = SignedDuration::from_hours(24);
/// When it is told for the first time.
const FIRST_FORECAST: SignedDuration = SignedDuration::from_mins(10);
const FORECAST: &str = "forecast";

/// What will be denied by tomorrow, each with its environment.
pub type ForecastSource = Arc<
    dyn Fn(Timestamp) -> Pin<Box<dyn Future<Output = Vec<(String, NoticeSample)>> + Send>>
        + Send
        + Sync,
>;

/// How a sample got through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestResult {
    pub target: String,
    /// The status of the answer, or why it was none that took it.
    pub outcome: Result<u16, SendError>,
    pub took: Duration,
}

/// Tells people.
pub struct Notifier {
    ledger: Arc<Ledger>,
    senders: Vec<Sender>,
    targets: Vec<NotifyTarget>,
    public_url: String,
    forecast: ForecastSource,
    metrics: Metrics,
    conditions: Conditions,
    turn: Mutex<()>,
}

impl Notifier {
    /// # Errors
    /// [`NotifyError`] where a target cannot be used.
    pub fn new(
        ledger: Arc<Ledger>,
        targets: Vec<NotifyTarget>,
        public_url: String,
        forecast: ForecastSource,
        metrics: Metrics,
    ) -> Result<Self, NotifyError> {
        let senders: Result<Vec<_>, _> = targets.iter().cloned().map(Sender::new).collect();
        Ok(Self {
            ledger,
            senders: senders?,
            targets,
            public_url,
            forecast,
            metrics,
            conditions: Conditions::default(),
            turn: Mutex::default(),
        })
    }

    /// Whether nobody is to be told anything.
    pub fn is_idle(&self) -> bool {
        self.targets.is_empty()
    }

    /// Each target by its name, and how it is.
    pub fn conditions(&self) -> Vec<(String, TargetCondition)> {
        let names = self.targets.iter().map(|it| it.name.clone());
        names
            .map(|name| (name.clone(), self.conditions.of(&name)))
            .collect()
    }

    /// Sends to the target of that name with these from now on.
    pub fn replace_secrets(&self, name: &str, secrets: &NotifySecrets) {
        for sender in self.senders.iter().filter(|it| it.target.name == name) {
            sender.replace_secrets(secrets.clone());
        }
    }

    /// One round: reads what is new, and sends what is due.
    ///
    /// # Errors
    /// [`LedgerError`] where the records cannot be read or written; the next round goes on
    /// from there.
    pub async fn once(&self, now: Timestamp) -> Result<(), LedgerError> {
        if self.is_idle() {
            return Ok(());
        }
        let _turn = self.turn.lock().await;
        gather(&self.ledger, &self.targets, now).await?;
        self.send_due(now).await
    }

    /// Forgets what was told long ago.
    ///
    /// # Errors
    /// [`LedgerError`] where the records cannot be written.
    pub async fn prune_once(&self, now: Timestamp) -> Result<(), LedgerError> {
        match self.is_idle() {
            true => Ok(()),
            false => forget_once(&self.ledger, now).await,
        }
    }

    /// Once a day: what the forecast says of tomorrow. It may take minutes, in which
    /// [`Self::once`] goes on.
    ///
    /// # Errors
    /// [`LedgerError`] where the records cannot be read or written.
    pub async fn foresee_once(&self, now: Timestamp) -> Result<(), LedgerError> {
        if self.is_idle() {
            return Ok(());
        }
        let told = match self.ledger.notice_cursor(FORECAST).await? {
            Some(told) => told,
            None => {
                let first = now.as_second() - (FORECAST_EVERY - FIRST_FORECAST).as_secs();
                let cursor = (FORECAST, None, first);
                keep(&self.ledger, &self.targets, cursor, Vec::new(), now).await?;
                return Ok(());
            }
        };
        if told > now.as_second() {
            // By a clock that has been set back since: the day begins again.
            let cursor = (FORECAST, Some(told), now.as_second());
            keep(&self.ledger, &self.targets, cursor, Vec::new(), now).await?;
            return Ok(());
        }
        // Without word from the ledger nothing is known of tomorrow, and the day would be over.
        if now.as_second() - told < FORECAST_EVERY.as_secs() || self.ledger.is_silent(now) {
            return Ok(());
        }
        let found = (self.forecast)(now).await.into_iter();
        let notices = found.map(|(environment, sample)| foreseen(environment, sample));
        let cursor = (FORECAST, Some(told), now.as_second());
        let notices = notices.collect();
        let _turn = self.turn.lock().await;
        keep(&self.ledger, &self.targets, cursor, notices, now).await?;
        Ok(())
    }

    async fn send_due(&self, now: Timestamp) -> Result<(), LedgerError> {
        let all = self.ledger.notices().await?;
        let waiting = all.iter().filter(|it| it.count > 0);
        self.show_waiting(waiting.clone());
        let mut due: BTreeMap<&str, Vec<&PendingNotice>> = BTreeMap::new();
        for it in waiting.filter(|it| is_due(it, now)) {
            due.entry(&it.key.target).or_default().push(it);
        }
        // A slow target holds up no other.
        let due = due.into_iter();
        let tried = join_all(due.map(|(target, due)| self.send_to(target, due, now))).await;
        tried.into_iter().collect()
    }

    /// One after another, what has waited longest first. Where one does not get through, the
    /// others wait for the next round: a target that is down or busy is not asked for each.
    async fn send_to(
        &self,
        target: &str,
        mut due: Vec<&PendingNotice>,
        now: Timestamp,
    ) -> Result<(), LedgerError> {
        let began = Instant::now();
        due.sort_by_key(|it| it.due_at);
        for it in due {
            let is_over = began.elapsed() > MAX_ROUND || self.conditions.rests(target, now);
            if is_over || !self.claim_and_try(it, now).await? {
                break;
            }
        }
        Ok(())
    }

    /// Tries it where no other process does. One that dies meanwhile leaves it to be tried
    /// again a minute later. `false`: it did not get through.
    async fn claim_and_try(
        &self,
        due: &PendingNotice,
        now: Timestamp,
    ) -> Result<bool, LedgerError> {
        let claimed = PendingNotice {
            due_at: later(now, CLAIMED_FOR),
            ..due.clone()
        };
        if !self.keep_one(claimed).await? {
            return Ok(true);
        }
        let after = self.try_one(due, now).await;
        let is_through = after.count == 0;
        let version = due.version + 1;
        self.keep_one(PendingNotice { version, ..after }).await?;
        Ok(is_through)
    }

    async fn keep_one(&self, pending: PendingNotice) -> Result<bool, LedgerError> {
        let batch = NoticeBatch {
            pending: vec![pending],
            ..NoticeBatch::default()
        };
        self.ledger.keep_notices(&batch).await
    }

    /// How the message stands after a try.
    async fn try_one(&self, pending: &PendingNotice, now: Timestamp) -> PendingNotice {
        let name = &pending.key.target;
        let sender = self.senders.iter().find(|it| it.target.name == *name);
        let message = Message::of(pending, &self.public_url);
        let (Some(sender), Some(message)) = (sender, message) else {
            // Of a target or a kind that is no more.
            return gone(pending);
        };
        let sent = sender.send(&message, now).await;
        self.conditions.note(name, now, &sent);
        match sent {
            Ok(_) => {
                self.count(name, NotificationResult::Sent);
                PendingNotice {
                    sent_at: Some(now),
                    ..gone(pending)
                }
            }
            Err(error) => self.failed(pending, &error, now),
        }
    }

    fn failed(&self, pending: &PendingNotice, error: &SendError, now: Timestamp) -> PendingNotice {
        let name = &pending.key.target;
        let (kind, count) = (&pending.key.kind, pending.count);
        if now.duration_since(pending.opened_at) > GIVEN_UP_AFTER {
            tracing::error!(target.name = name, kind, count, %error, "a notification is given up");
            self.count(name, NotificationResult::Dropped);
            return gone(pending);
        }
        tracing::warn!(target.name = name, kind, count, %error, "a notification did not get through");
        self.count(name, NotificationResult::Failed);
        let doubled = 1 << pending.attempts.min(10);
        let asked = match error {
            SendError::Busy { seconds, .. } => asked_pause(*seconds),
            _ => SignedDuration::ZERO,
        };
        let pause = (FIRST_PAUSE * doubled).min(MAX_PAUSE).max(asked);
        PendingNotice {
            attempts: pending.attempts.saturating_add(1),
            due_at: later(now, pause),
            ..pending.clone()
        }
    }

    /// Sends a sample at once, to the target of that name or to all.
    pub async fn test(&self, name: Option<&str>, now: Timestamp) -> Vec<TestResult> {
        let wanted = |it: &&Sender| name.is_none_or(|name| it.target.name == name);
        let message = Message::sample(now, &self.public_url);
        let message = &message;
        let tried = self.senders.iter().filter(wanted).map(async |sender| {
            let began = Instant::now();
            let outcome = sender.send(message, now).await;
            self.conditions.note(&sender.target.name, now, &outcome);
            TestResult {
                outcome,
                target: sender.target.name.clone(),
                took: began.elapsed(),
            }
        });
        join_all(tried).await
    }

    fn count(&self, target: &str, result: NotificationResult) {
        let labels = NotificationLabels {
            target: target.into(),
            result,
        };
        self.metrics
            .watch
            .notifications
            .get_or_create(&labels)
            .inc();
    }

    fn show_waiting<'a>(&self, waiting: impl Iterator<Item = &'a PendingNotice> + Clone) {
        for target in &self.targets {
            let own = waiting.clone().filter(|it| it.key.target == target.name);
            let count: u64 = own.map(|it| it.count).sum();
            self.conditions.set_waiting(&target.name, count);
            let labels = NotifyTargetLabels {
                target: target.name.as_str().into(),
            };
            let gauge = self
                .metrics
                .watch
                .notifications_waiting
                .get_or_create_owned(&labels);
            gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }
}

/// No pause is longer than the longest: one that is was set by a clock that has been set back
/// since.
fn is_due(pending: &PendingNotice, now: Timestamp) -> bool {
    pending.due_at <= now || pending.due_at > later(now, MAX_PAUSE)
}

fn gone(pending: &PendingNotice) -> PendingNotice {
    PendingNotice {
        count: 0,
        samples: "[]".to_owned(),
        attempts: 0,
        ..pending.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::NoticeKey;

    #[test]
    fn what_a_clock_that_is_set_back_put_off_is_due() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let due = |due_at| {
            let pending = PendingNotice {
                key: NoticeKey {
                    target: "all".to_owned(),
                    kind: "override".to_owned(),
                    environment: String::new(),
                },
                count: 1,
                samples: "[]".to_owned(),
                opened_at: at(0),
                due_at: at(due_at),
                attempts: 0,
                sent_at: None,
                version: 1,
            };
            is_due(&pending, at(1000))
        };
        let pause = MAX_PAUSE.as_secs();
        assert!(due(1000) && !due(1001) && !due(1000 + pause) && due(1001 + pause));
    }
}
