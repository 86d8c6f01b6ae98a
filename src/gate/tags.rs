//! Lists of tags: exactly those that would be served.
//!
//! What is unknown is resolved and judged, several at a time, within a budget of the
//! upstream and a deadline of the request. What that leaves out is worked on when the
//! client has its answer, which says that it is not whole.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::{FuturesOrdered, FuturesUnordered};
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
        let budgets = shared.upstreams.all().map(|upstream| {
            let replicas = upstream.upstream.replicas().clone();
            (upstream.host.clone(), ListBudget::new(replicas))
        });
        Self(Arc::new(TagLister {
            upstreams: shared.upstreams.clone(),
            resolver: shared.resolver.clone(),
            closures: shared.closures.clone(),
            judge: shared.judge.clone(),
            withheld: Withheld::new(shared.ledger.clone()),
            budgets: budgets.collect(),
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

    /// Looks at `tags` until the page is full or its time is over. One that takes long
    /// holds none of the others up: it is left out in the end.
    async fn fill(
        &self,
        page: &mut TagList,
        pull: Pull<'_>,
        policy: Policy<'_>,
        tags: &[Tag],
        limit: usize,
    ) {
        let deadline = Instant::from_std(pull.started) + PAGE_TIME;
        let look_at = |at: usize| async move { (at, self.look_at(pull, policy, &tags[at]).await) };
        let mut looks = PageLooks::new(tags, limit);
        let mut under_way = FuturesUnordered::new();
        under_way.extend((0..AT_ONCE).map_while(|_| looks.begin()).map(look_at));
        while !looks.is_done() {
            let Ok(Some((at, look))) = timeout_at(deadline, under_way.next()).await else {
                looks.leave_out();
                break;
            };
            looks.note(at, look);
            under_way.extend(looks.begin().map(look_at));
        }
        looks.put_on(page);
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
        let last = self.resolver.last_known(pull, environment, tag).await;
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

/// The tags of one page, and what came of looking at them, in whatever order.
struct PageLooks<'a> {
    tags: &'a [Tag],
    /// Of the tags from the first one on that are looked at; none: not yet.
    looks: Vec<Option<Look>>,
    /// Tags from the first one on that the page goes over.
    seen: usize,
    /// Those of them that it lists, `limit` at most.
    listed: usize,
    limit: usize,
    /// Tags that would be served, of all that were looked at.
    served: usize,
}

impl<'a> PageLooks<'a> {
    fn new(tags: &'a [Tag], limit: usize) -> Self {
        Self {
            tags,
            looks: Vec::new(),
            seen: 0,
            listed: 0,
            limit,
            served: 0,
        }
    }

    /// The next tag to look at, if the page may need it.
    fn begin(&mut self) -> Option<usize> {
        let at = self.looks.len();
        let wanted = at < self.tags.len() && self.served < self.limit;
        wanted.then(|| self.looks.push(None)).map(|()| at)
    }

    fn note(&mut self, at: usize, look: Look) {
        self.looks[at] = Some(look);
        self.served += usize::from(look == Look::Served);
        while let (false, Some(Some(look))) = (self.is_full(), self.looks.get(self.seen)) {
            self.listed += usize::from(*look == Look::Served);
            self.seen += 1;
        }
    }

    fn is_full(&self) -> bool {
        self.listed == self.limit
    }

    fn is_done(&self) -> bool {
        self.is_full() || self.seen == self.tags.len()
    }

    /// Goes on without those that are not done. Such at the end are the next page's.
    fn leave_out(&mut self) {
        let done = self.looks.iter().rposition(Option::is_some);
        self.looks.truncate(done.map_or(0, |last| last + 1));
        while !self.is_full() && self.seen < self.looks.len() {
            let look = self.looks[self.seen].get_or_insert(Look::Unknown);
            self.listed += usize::from(*look == Look::Served);
            self.seen += 1;
        }
    }

    fn put_on(self, page: &mut TagList) {
        let seen = self.tags.iter().zip(&self.looks).take(self.seen);
        for (tag, look) in seen {
            match look {
                Some(Look::Served) => page.tags.push(tag.clone()),
                Some(Look::Withheld) => {}
                Some(Look::Unknown) | None => page.is_whole = false,
            }
        }
        page.is_whole &= self.is_done();
        if self.seen < self.tags.len() {
            let last = self.seen.checked_sub(1);
            page.more_after = last.map(|last| self.tags[last].clone());
        }
    }
}

impl Asking<'_> {
    /// Whether the upstream may be asked; waits for its turn if it may.
    async fn is_granted(&mut self, pull: Pull<'_>, is_old: bool) -> bool {
        let name = pull.repository().name();
        if self.turn.is_none() && self.budget.spend(name, pull.now, is_old) {
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
