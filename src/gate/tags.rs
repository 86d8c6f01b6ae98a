//! Lists of tags: exactly those that would be served.
//!
//! What is unknown is resolved and judged, several at a time, within a budget of the
//! upstream and a deadline of the request. What that leaves out is worked on when the
//! client has its answer, which says that it is not whole.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesOrdered;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::closures::Closures;
use super::judge::Judge;
use super::list_budget::ListBudget;
use super::parts::Shared;
use super::pull::{Client, Halt, Lane, Pull, RequestTarget};
use super::refusal::Refusal;
use super::resolve::{Resolver, serves_promoted};
use super::upstreams::Upstreams;
use super::withheld::Withheld;
use crate::clock::Clock;
use crate::oci::{Digest, Reference, RegistryHost, Repository, Tag};
use crate::tasks::Tasks;
use crate::trust::{Environment, EnvironmentName, Rulebook};
use crate::upstream::{TagListing, UpstreamError};

/// Tags on one page at most.
pub const MAX_TAGS_PER_PAGE: usize = 1000;

/// Tags of one list that are looked at at once.
const AT_ONCE: usize = 8;
/// A page of a list ends after this long, and the next one goes on.
const PAGE_TIME: Duration = Duration::from_secs(8);
/// How long a list is worked on when its client has its answer.
const WALK_TIME: Duration = Duration::from_mins(30);
/// Between two rounds of that work.
const WALK_PAUSE: Duration = Duration::from_secs(3);

/// A page of tags.
#[derive(Debug)]
pub struct TagList {
    pub tags: Vec<Tag>,
    /// There are more; ask with this one as `last`.
    pub more_after: Option<Tag>,
    /// Every tag up to the end of the page that would be served is on it.
    pub is_whole: bool,
}

/// Makes lists of tags.
pub(super) struct TagLists(Arc<TagLister>);

struct TagLister {
    upstreams: Arc<Upstreams>,
    resolver: Arc<Resolver>,
    closures: Arc<Closures>,
    judge: Arc<Judge>,
    withheld: Withheld,
    budgets: BTreeMap<RegistryHost, ListBudget>,
    /// Lists that are worked on now.
    walks: Mutex<HashSet<WalkKey>>,
    clock: Clock,
    tasks: Tasks,
}

type WalkKey = (Repository, EnvironmentName);

/// The policy under which tags are looked at.
#[derive(Clone, Copy)]
struct Policy<'a> {
    rulebook: &'a Rulebook,
    environment: &'a Environment,
}

/// What came of looking at a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    Served,
    Withheld,
    /// Its upstream does not say, or could not be asked for it now.
    Unknown,
}

/// What a tag means, as far as it can be said now.
enum Meaning {
    Digest(Digest),
    Nothing,
    Unknown,
}

/// Whether the upstream may be asked about a tag: found out once, when it is needed.
struct Asking<'a> {
    budget: &'a ListBudget,
    turn: Option<tokio::sync::SemaphorePermit<'a>>,
}

impl TagLists {
    pub(super) fn new(shared: &Shared, clock: Clock, tasks: Tasks) -> Self {
        let hosts = shared.upstreams.all().map(|upstream| upstream.host.clone());
        Self(Arc::new(TagLister {
            upstreams: shared.upstreams.clone(),
            resolver: shared.resolver.clone(),
            closures: shared.closures.clone(),
            judge: shared.judge.clone(),
            withheld: Withheld::new(shared.ledger.clone()),
            budgets: hosts.map(|host| (host, ListBudget::default())).collect(),
            walks: Mutex::default(),
            clock,
            tasks,
        }))
    }

    /// The first tags behind `last` that would be served, `limit` at most, in lexical
    /// order.
    pub(super) async fn page(
        &self,
        pull: Pull<'_>,
        (rulebook, environment): (&Arc<Rulebook>, &Environment),
        limit: usize,
        last: Option<&str>,
    ) -> Result<TagList, Refusal> {
        let mut page = TagList {
            tags: Vec::new(),
            more_after: None,
            is_whole: true,
        };
        if limit == 0 {
            return Ok(page);
        }
        let (lister, limit) = (&self.0, limit.min(MAX_TAGS_PER_PAGE));
        let listing = lister.listing(pull).await?;
        let policy = Policy {
            rulebook,
            environment,
        };
        lister
            .fill(&mut page, pull, policy, listing.after(last), limit)
            .await;
        if !page.is_whole {
            lister.keep_on(pull, rulebook, &listing);
        }
        page.is_whole &= listing.is_whole();
        Ok(page)
    }
}

impl TagLister {
    async fn listing(&self, pull: Pull<'_>) -> Result<TagListing, Refusal> {
        let repository = pull.repository();
        let lists = &self.upstreams.of(repository)?.lists;
        match lists.tags(repository.name(), pull.now).await {
            Ok(listing) => Ok(listing),
            Err(UpstreamError::NotFound) => Err(Refusal::NameUnknown),
            Err(error) => Err(error.into()),
        }
    }

    /// Looks at `tags` until the page is full or its time is over.
    async fn fill(
        &self,
        page: &mut TagList,
        pull: Pull<'_>,
        policy: Policy<'_>,
        tags: &[Tag],
        limit: usize,
    ) {
        let deadline = Instant::from_std(pull.started) + PAGE_TIME;
        let mut ahead = tags.iter();
        let mut looks = FuturesOrdered::new();
        for tag in ahead.by_ref().take(AT_ONCE) {
            looks.push_back(self.look_at(pull, policy, tag));
        }
        let mut seen = 0;
        while page.tags.len() < limit && seen < tags.len() {
            let Ok(Some(look)) = timeout_at(deadline, looks.next()).await else {
                page.is_whole = false;
                break;
            };
            match look {
                Look::Served => page.tags.push(tags[seen].clone()),
                Look::Withheld => {}
                Look::Unknown => page.is_whole = false,
            }
            seen += 1;
            if let Some(tag) = ahead.next() {
                looks.push_back(self.look_at(pull, policy, tag));
            }
        }
        if seen < tags.len() {
            page.more_after = seen.checked_sub(1).map(|last| tags[last].clone());
        }
    }

    async fn look_at(&self, pull: Pull<'_>, policy: Policy<'_>, tag: &Tag) -> Look {
        let Some(budget) = self.budgets.get(pull.repository().host()) else {
            return Look::Unknown;
        };
        let mut asking = Asking { budget, turn: None };
        match self
            .meaning(pull, policy.environment, tag, &mut asking)
            .await
        {
            Meaning::Digest(digest) => self.judged(pull, policy.rulebook, digest, asking).await,
            Meaning::Nothing => Look::Withheld,
            Meaning::Unknown => Look::Unknown,
        }
    }

    /// The digest that a pull of `tag` would mean: the last known one where the upstream
    /// does not say, or has been asked enough.
    async fn meaning<'a>(
        &'a self,
        pull: Pull<'_>,
        environment: &Environment,
        tag: &Tag,
        asking: &mut Asking<'a>,
    ) -> Meaning {
        let reference = Reference::Tag(tag.clone());
        if let Some(digest) = self.resolver.known(pull, environment, &reference) {
            return Meaning::Digest(digest);
        }
        let last = self.resolver.last_known(pull, environment, tag);
        if serves_promoted(pull, environment, tag) {
            return last.map_or(Meaning::Nothing, Meaning::Digest);
        }
        if !asking.is_granted(pull, last.is_some()).await {
            return last.map_or(Meaning::Unknown, Meaning::Digest);
        }
        let resolver = &self.resolver;
        let resolved = resolver.resolve(pull, environment, &reference, Lane::Layered);
        match resolved.await {
            Ok(resolved) => Meaning::Digest(resolved.digest),
            Err(Halt::Refused(Refusal::ManifestUnknown)) => Meaning::Nothing,
            Err(_) => last.map_or(Meaning::Unknown, Meaning::Digest),
        }
    }

    /// Whether the image would be served. It is read for that only where reading it
    /// could make a difference.
    async fn judged<'a>(
        &'a self,
        pull: Pull<'_>,
        rulebook: &Rulebook,
        digest: Digest,
        mut asking: Asking<'a>,
    ) -> Look {
        let subject = pull.subject(digest);
        let question = pull.question(rulebook, &subject);
        let (repository, digest) = (&subject.repository, &subject.digest);
        let at_hand = self.judge.cached(question).is_some()
            || self.closures.is_at_hand(repository, digest, pull.now);
        if !at_hand {
            if self.judge.lacks_promotion(question) || self.withheld.holds(question) {
                return Look::Withheld;
            }
            if !asking.is_granted(pull, false).await {
                return Look::Unknown;
            }
        }
        match self.judge.verdict(question).await {
            Ok(verdict) if verdict.permit(pull.now).is_some() => Look::Served,
            Ok(verdict) => {
                self.withheld.note(question, &verdict);
                Look::Withheld
            }
            Err(Refusal::ManifestUnknown) => Look::Withheld,
            Err(_) => Look::Unknown,
        }
    }

    /// Works on the tags that the client's answer left out, so that the next one has
    /// them.
    fn keep_on(self: &Arc<Self>, pull: Pull<'_>, rulebook: &Arc<Rulebook>, listing: &TagListing) {
        let key = (pull.repository().clone(), pull.environment().clone());
        let budget = self.budgets.get(key.0.host());
        let Some(place) = budget.and_then(ListBudget::walk) else {
            return;
        };
        let Some(begun) = Walk::begin(self, key) else {
            return;
        };
        let (client, target) = (pull.client.clone(), pull.target.clone());
        let (rulebook, listing) = (rulebook.clone(), listing.clone());
        let stopped = self.tasks.cancelled();
        self.tasks.spawn_isolated("listing tags", async move {
            let _place = place;
            let walked = begun.lister.walk(&client, &target, &rulebook, &listing);
            tokio::select! {
                _over = timeout(WALK_TIME, walked) => {}
                () = stopped => {}
            }
        });
    }

    /// Looks at what is unknown, round by round, as long as that leads on.
    async fn walk(
        &self,
        client: &Client,
        target: &RequestTarget,
        rulebook: &Rulebook,
        listing: &TagListing,
    ) {
        let Some(environment) = rulebook.environment(&client.listener.environment) else {
            return;
        };
        let policy = Policy {
            rulebook,
            environment,
        };
        let mut unknown: Vec<&Tag> = listing.after(None).iter().collect();
        loop {
            let pull = Pull {
                client,
                target,
                now: self.clock.now(),
                started: std::time::Instant::now(),
            };
            let before = unknown.len();
            let looks = unknown.iter().map(|tag| self.look_at(pull, policy, tag));
            let looks: Vec<Look> = looked_at(looks).await;
            let mut looks = looks.into_iter();
            unknown.retain(|_| looks.next() == Some(Look::Unknown));
            if unknown.is_empty() || unknown.len() == before {
                return;
            }
            sleep(WALK_PAUSE).await;
        }
    }

    fn walks(&self) -> MutexGuard<'_, HashSet<WalkKey>> {
        self.walks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All of them, in their order, some at once.
async fn looked_at(mut ahead: impl Iterator<Item = impl Future<Output = Look>>) -> Vec<Look> {
    let mut looks = FuturesOrdered::new();
    let mut done = Vec::new();
    looks.extend(ahead.by_ref().take(AT_ONCE));
    while let Some(look) = looks.next().await {
        done.push(look);
        if let Some(next) = ahead.next() {
            looks.push_back(next);
        }
    }
    done
}

impl Asking<'_> {
    /// Whether the upstream may be asked; waits for its turn if it may.
    async fn is_granted(&mut self, pull: Pull<'_>, is_old: bool) -> bool {
        if self.turn.is_none() && self.budget.spend(pull.now, is_old) {
            self.turn = self.budget.turn().await;
        }
        self.turn.is_some()
    }
}

/// The work on one list; no two work on the same one.
struct Walk {
    lister: Arc<TagLister>,
    key: WalkKey,
}

impl Walk {
    fn begin(lister: &Arc<TagLister>, key: WalkKey) -> Option<Self> {
        let begun = lister.walks().insert(key.clone());
        begun.then(|| Self {
            lister: lister.clone(),
            key,
        })
    }
}

impl Drop for Walk {
    fn drop(&mut self) {
        self.lister.walks().remove(&self.key);
    }
}
