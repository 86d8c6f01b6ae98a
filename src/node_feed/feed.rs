//! Issues snapshots, and holds who asks until there is something new.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::gather::{Records, gather};
use super::history::{HeldSnapshot, History};
use super::issue::Issued;
use crate::clock::Clock;
use crate::ledger::{Ledger, LedgerError};
use crate::metrics::{EnvironmentLabels, Metrics};
use crate::node_snapshot::{AgentMode, NodeSnapshot, SignedSnapshot, SnapshotKey, SnapshotTerms};
use crate::tasks::{HeavyWork, Leaving};
use crate::trust::{Environment, EnvironmentName, NodePolicy, Rulebook};

/// A snapshot is issued again for each of these, at the same moments by each replica.
const ISSUED_EVERY: SignedDuration = SignedDuration::from_mins(1);
/// So long an agent that holds none yet takes one.
const VALID_FOR: SignedDuration = SignedDuration::from_hours(24);
/// What withdraws nothing is told within this.
const SETTLES_WITHIN: SignedDuration = SignedDuration::from_secs(1);
/// Where `strict` has to know of new pulls, they are looked for this often.
const PULLS_LOOKED_FOR_EVERY: SignedDuration = SignedDuration::from_secs(2);
/// Who waits looks this often whether the program stops.
const SLICE: Duration = Duration::from_secs(1);

/// What it is made of.
pub struct NodeFeedParts {
    pub ledger: Arc<Ledger>,
    pub rulebook: Arc<dyn Fn() -> Arc<Rulebook> + Send + Sync>,
    pub key: Arc<SnapshotKey>,
    pub clock: Clock,
    pub leaving: Leaving,
    pub metrics: Metrics,
}

/// Why an agent is told nothing.
#[derive(Debug, thiserror::Error)]
pub enum NodeFeedError {
    #[error("the configuration has no [environments.{0}.nodes]")]
    NoAgents(EnvironmentName),
    /// Nothing is signed by who does not know what is true now.
    #[error("the ledger is not followed at this moment")]
    NotFollowed,
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error("the snapshot could not be put together")]
    Broken,
}

/// What an agent is told.
#[derive(Clone, Debug)]
pub enum NodeAnswer {
    Whole(Bytes),
    Delta(Bytes),
    /// It knows more than this replica does, by now.
    Nothing,
}

/// What a snapshot rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Basis {
    sequence: u64,
    withdrawn_at: u64,
    revision: u64,
    /// The newest pull that is on record, where what was pulled may start.
    pulled_at: Option<Timestamp>,
    issued_at: Timestamp,
}

/// The newest pull on record, and when that was looked for.
#[derive(Clone, Copy, Default)]
struct NewestPull {
    at: Option<Timestamp>,
    looked_at: Option<Timestamp>,
}

/// Of one environment.
#[derive(Default)]
struct EnvironmentFeed {
    current: Option<(Basis, Timestamp, Arc<Issued>)>,
    history: History,
}

/// The snapshots of all environments.
pub struct NodeFeed {
    parts: NodeFeedParts,
    feeds: Mutex<HashMap<EnvironmentName, Arc<tokio::sync::Mutex<EnvironmentFeed>>>>,
    /// Counts what was issued and says something else than before.
    news: watch::Sender<u64>,
    newest_pull: Mutex<NewestPull>,
    heavy: HeavyWork,
}

impl NodeFeed {
    pub fn new(parts: NodeFeedParts) -> Self {
        Self {
            parts,
            feeds: Mutex::default(),
            news: watch::Sender::new(0),
            newest_pull: Mutex::default(),
            heavy: HeavyWork::new(),
        }
    }

    /// Looks for news, for those who wait.
    pub async fn once(&self) {
        let rulebook = (self.parts.rulebook)();
        let mut policies = rulebook.environments().filter_map(|it| it.nodes.as_ref());
        if policies.any(|it| it.mode == AgentMode::Strict) {
            self.look_for_pulls().await;
        }
        for environment in rulebook.environments().filter(|it| it.nodes.is_some()) {
            let name = &environment.name;
            match self.current(name).await {
                Ok(_) | Err(NodeFeedError::NotFollowed) => {}
                Err(error) => {
                    tracing::error!(environment = %name, %error, "agents on nodes are told nothing new");
                }
            }
        }
    }

    /// Pulls have no number in the ledger, and other replicas note some, too.
    async fn look_for_pulls(&self) {
        let now = self.parts.clock.now();
        let looked_at = self.newest_pull().looked_at;
        if looked_at.is_some_and(|it| now.duration_since(it).abs() < PULLS_LOOKED_FOR_EVERY) {
            return;
        }
        let at = match self.parts.ledger.newest_pull().await {
            Ok(at) => at,
            Err(error) => {
                tracing::debug!(%error, "new pulls are told with the next period's snapshot");
                self.newest_pull().at
            }
        };
        let looked_at = Some(now);
        *self.newest_pull() = NewestPull { at, looked_at };
    }

    fn newest_pull(&self) -> MutexGuard<'_, NewestPull> {
        self.newest_pull
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// What leads from what an agent holds to what is true now; the whole where nothing is
    /// known here of that. Where nothing is new, waits for it, for `wait`
    /// at most, and then says the same anew, issued later.
    ///
    /// # Errors
    /// [`NodeFeedError`] where nothing can be said.
    pub async fn answer(
        &self,
        environment: &EnvironmentName,
        held: Option<HeldSnapshot>,
        wait: Duration,
    ) -> Result<NodeAnswer, NodeFeedError> {
        let mut news = self.news.subscribe();
        let until = Instant::now() + wait;
        let feed = self.feed(environment);
        loop {
            news.mark_unchanged();
            let issued = self.current_of(&feed, environment).await?;
            let found = match &held {
                Some(held) => look(&issued, held, &feed.lock().await.history),
                None => Found::News(NodeAnswer::Whole(issued.whole.clone())),
            };
            let now = Instant::now();
            match found {
                Found::News(answer) => return Ok(answer),
                Found::Known(answer) if now >= until || self.parts.leaving.is_so() => {
                    return Ok(answer);
                }
                Found::Known(_) => {}
            }
            let _news_or_not = timeout(SLICE.min(until - now), news.changed()).await;
        }
    }

    fn feed(&self, environment: &EnvironmentName) -> Arc<tokio::sync::Mutex<EnvironmentFeed>> {
        let mut feeds = self.feeds.lock().unwrap_or_else(PoisonError::into_inner);
        feeds.entry(environment.clone()).or_default().clone()
    }

    async fn current(&self, environment: &EnvironmentName) -> Result<Arc<Issued>, NodeFeedError> {
        self.current_of(&self.feed(environment), environment).await
    }

    /// What is true now; made anew where something has changed. Others wait meanwhile.
    async fn current_of(
        &self,
        feed: &tokio::sync::Mutex<EnvironmentFeed>,
        name: &EnvironmentName,
    ) -> Result<Arc<Issued>, NodeFeedError> {
        let rulebook = (self.parts.rulebook)();
        let environment = rulebook.environment(name);
        let with_agents = environment.and_then(|it| Some((it, it.nodes.as_ref()?)));
        let Some((environment, policy)) = with_agents else {
            return Err(NodeFeedError::NoAgents(name.clone()));
        };
        let now = self.parts.clock.now();
        let ledger = &self.parts.ledger;
        if !ledger.index().is_complete() || ledger.is_silent(now) {
            return Err(NodeFeedError::NotFollowed);
        }
        let mut feed = feed.lock().await;
        let basis = self.basis(&rulebook, name, policy, now);
        if let Some((on, made, issued)) = &feed.current
            && on.holds(&basis, now.duration_since(*made))
        {
            return Ok(issued.clone());
        }
        let issued = Arc::new(self.issue(environment, policy, basis, now).await?);
        self.keep(&mut feed, basis, now, issued.clone());
        Ok(issued)
    }

    fn basis(
        &self,
        rulebook: &Rulebook,
        name: &EnvironmentName,
        policy: &NodePolicy,
        now: Timestamp,
    ) -> Basis {
        let index = self.parts.ledger.index();
        // What withdraws first: what comes between is seen again.
        let withdrawn_at = index.withdrawn_at();
        let turned_at = index.break_glass_turned_at(name, now);
        Basis {
            withdrawn_at,
            sequence: index.seq(),
            revision: rulebook.revision(),
            pulled_at: match policy.mode {
                AgentMode::Strict => self.newest_pull().at,
                AgentMode::Audit | AgentMode::Enforce => None,
            },
            // The moment at which break-glass ended by itself is one, too: the ledger has no
            // number for it.
            issued_at: turned_at.max(Some(beginning_of_period(now))).unwrap_or(now),
        }
    }

    async fn issue(
        &self,
        environment: &Environment,
        policy: &NodePolicy,
        basis: Basis,
        now: Timestamp,
    ) -> Result<Issued, NodeFeedError> {
        let ledger = self.parts.ledger.clone();
        let records = Records::read(&ledger, environment, policy, now).await?;
        let terms = terms(environment, policy, basis);
        let (environment, policy) = (environment.clone(), policy.clone());
        let key = self.parts.key.clone();
        let made = self.heavy.run(move || {
            let lists = gather(ledger.index(), &environment, &policy, &records, now);
            let denied = lists.denied.into_iter().map(|(it, why)| (it, why.code()));
            let snapshot = NodeSnapshot::new(terms, denied, lists.permitted);
            Issued::new(SignedSnapshot::sign(snapshot, &key))
        });
        made.await.map_err(|_| NodeFeedError::Broken)
    }

    fn keep(&self, feed: &mut EnvironmentFeed, basis: Basis, now: Timestamp, issued: Arc<Issued>) {
        self.show(&issued);
        let before = feed.current.replace((basis, now, issued.clone()));
        let Some((_, _, before)) = before else {
            return;
        };
        let (number, mark) = (before.sequence(), &before.mark);
        if number != issued.sequence() || *mark != issued.mark {
            feed.history.keep(number, mark, before.snapshot());
        }
        if *mark != issued.mark {
            self.news
                .send_modify(|count| *count = count.wrapping_add(1));
        }
    }

    fn show(&self, issued: &Issued) {
        let snapshot = issued.snapshot();
        let environment = snapshot.terms().environment.as_str().into();
        let labels = EnvironmentLabels { environment };
        let metrics = &self.parts.metrics.nodes;
        let sequence = i64::try_from(snapshot.terms().sequence).unwrap_or(i64::MAX);
        let denied = i64::try_from(snapshot.denied_count()).unwrap_or(i64::MAX);
        let gauge = metrics.snapshot_sequence.get_or_create_owned(&labels);
        gauge.set(sequence);
        let gauge = metrics.snapshot_denied.get_or_create_owned(&labels);
        gauge.set(denied);
    }
}

impl Basis {
    /// Whether what rests on this still says what it would say on `now`, or nothing that
    /// cannot wait for a second.
    fn holds(&self, now: &Self, age: SignedDuration) -> bool {
        let settles = age >= SignedDuration::ZERO && age < SETTLES_WITHIN;
        let withdraws_as_much = Self {
            sequence: now.sequence,
            pulled_at: now.pulled_at,
            ..*self
        };
        self == now || (withdraws_as_much == *now && settles)
    }
}

/// What there is for who holds a number.
enum Found {
    News(NodeAnswer),
    /// It holds this already; told all the same once it has waited.
    Known(NodeAnswer),
}

fn look(issued: &Issued, held: &HeldSnapshot, history: &History) -> Found {
    if held.sequence > issued.sequence() {
        return Found::Known(NodeAnswer::Nothing);
    }
    if held.sequence == issued.sequence() && held.says(&issued.mark) {
        return Found::Known(NodeAnswer::Delta(issued.again()));
    }
    let Some(said) = history.of(held) else {
        let whole = NodeAnswer::Whole(issued.whole.clone());
        // Another replica said it under this very number, by a clock or a policy that is ahead
        // of this one: who asks both would else be told the whole all the time.
        return match held.sequence == issued.sequence() {
            true => Found::Known(whole),
            false => Found::News(whole),
        };
    };
    let delta = issued.delta_from(said);
    match said.mark == issued.mark {
        true => Found::Known(NodeAnswer::Delta(delta)),
        false if delta.len() < issued.whole.len() => Found::News(NodeAnswer::Delta(delta)),
        false => Found::News(NodeAnswer::Whole(issued.whole.clone())),
    }
}

fn terms(environment: &Environment, policy: &NodePolicy, basis: Basis) -> SnapshotTerms {
    let valid_until = basis.issued_at.checked_add(VALID_FOR);
    SnapshotTerms {
        environment: environment.name.to_string(),
        sequence: basis.sequence,
        issued_at: basis.issued_at,
        valid_until: valid_until.unwrap_or(Timestamp::MAX),
        max_silence_seconds: policy.max_silence.as_secs().unsigned_abs(),
        mode: policy.mode,
        on_revoked: policy.on_revoked,
    }
}

/// The same for each replica whose clock is right.
fn beginning_of_period(now: Timestamp) -> Timestamp {
    let period = ISSUED_EVERY.as_secs();
    let second = now.as_second().div_euclid(period) * period;
    Timestamp::from_second(second).unwrap_or(now)
}
