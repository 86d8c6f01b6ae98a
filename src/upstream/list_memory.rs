//! A short memory of the lists of one upstream: the tags of a repository, and what
//! refers to a digest.
//!
//! A list is read once for all who ask for it at the same time, whole, and remembered
//! for `tag_ttl` as a tag's digest is. That there is none, or that it could not be
//! had, is remembered too, for a shorter time.

use std::collections::BTreeSet;
use std::hash::Hash;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Semaphore;

use crate::flight::SingleFlight;
use crate::memory::{BoundedMemory, HeapSize, Validity};
use crate::oci::{Digest, Referrer, RepositoryName, Tag, write_referrers};
use crate::tasks::Tasks;

use super::{Upstream, UpstreamError};

/// Tags asked for in one request.
const TAGS_PER_REQUEST: usize = 1000;
/// Requests for one list of tags, at most.
const MAX_REQUESTS: usize = 256;
/// Tags of one repository that are listed, at most.
const MAX_TAGS: usize = 50_000;

/// Bytes of lists of tags that are remembered, at most, and of one of them.
const MAX_TAGS_BYTES: u64 = 64 << 20;
const MAX_TAG_LIST_BYTES: u64 = 16 << 20;
/// The same of lists of referrers.
const MAX_REFERRERS_BYTES: u64 = 32 << 20;
const MAX_REFERRER_LIST_BYTES: u64 = 16 << 20;

/// Lists that are read on after everyone who asked has left, at most.
const MAX_DETACHED_READS: usize = 4;
/// The timeout of such a reading.
const DETACHED_READ_TIMEOUT: Duration = Duration::from_mins(5);

/// The memory of one upstream. Cloning shares it.
#[derive(Clone)]
pub struct ListMemory(Arc<Memory>);

struct Memory {
    upstream: Upstream,
    tasks: Tasks,
    tags: Answers<RepositoryName, TagListing>,
    referrers: Answers<(RepositoryName, Digest), ReferrerListing>,
    detached: Arc<Semaphore>,
}

/// The tags of a repository, in lexical order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagListing {
    tags: Arc<[Tag]>,
    end: ListEnd,
}

/// How the reading of a list ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ListEnd {
    Whole,
    /// There are more than are listed.
    Bound,
    /// A later page could not be had.
    Broken,
}

/// What refers to a digest.
#[derive(Clone, Debug)]
struct ReferrerListing {
    entries: Arc<[Referrer]>,
    /// Of the document that lists them, in bytes.
    size: usize,
}

impl TagListing {
    fn new(tags: BTreeSet<Tag>, end: ListEnd) -> Self {
        let tags = tags.into_iter().collect();
        Self { tags, end }
    }

    /// The tags behind `last`, which need not be one of them.
    pub fn after(&self, last: Option<&str>) -> &[Tag] {
        let last = last.unwrap_or_default();
        let first = self.tags.partition_point(|tag| tag.as_str() <= last);
        &self.tags[first..]
    }

    /// Whether these are all tags that the upstream has.
    pub fn is_whole(&self) -> bool {
        self.end == ListEnd::Whole
    }
}

impl ListMemory {
    /// An empty memory; what nobody waits for any more is read on in `tasks`.
    pub fn new(upstream: Upstream, tasks: Tasks) -> Self {
        Self(Arc::new(Memory {
            upstream,
            tasks,
            tags: Answers::new(MAX_TAGS_BYTES, MAX_TAG_LIST_BYTES),
            referrers: Answers::new(MAX_REFERRERS_BYTES, MAX_REFERRER_LIST_BYTES),
            detached: Arc::new(Semaphore::new(MAX_DETACHED_READS)),
        }))
    }

    /// The tags of a repository.
    ///
    /// # Errors
    /// Those of [`Upstream::tags`], remembered ones among them.
    pub async fn tags(
        &self,
        name: &RepositoryName,
        now: Timestamp,
    ) -> Result<TagListing, UpstreamError> {
        let memory = &self.0;
        if let Some(answer) = memory.tags.known.get(name, now) {
            return answer.0;
        }
        self.keep_going(name, now);
        let start = || memory.clone().read_tags(name.clone(), now);
        memory.tags.flights.join(name, start).await
    }

    /// What refers to `digest`, as the upstream lists it.
    ///
    /// # Errors
    /// Those of [`Upstream::referrers`], remembered ones among them.
    pub async fn referrers(
        &self,
        name: &RepositoryName,
        digest: &Digest,
        now: Timestamp,
    ) -> Result<Arc<[Referrer]>, UpstreamError> {
        let memory = &self.0;
        let key = (name.clone(), digest.clone());
        if let Some(answer) = memory.referrers.known.get(&key, now) {
            return answer.0.map(|listing| listing.entries);
        }
        let start = || memory.clone().read_referrers(key.clone(), now);
        let listing = memory.referrers.flights.join(&key, start).await;
        listing.map(|listing| listing.entries)
    }

    /// Lets a reading that begins now go on when everyone has left: else the list of a
    /// slow upstream would never be read to its end.
    fn keep_going(&self, name: &RepositoryName, now: Timestamp) {
        if self.0.tags.flights.is_under_way(name) {
            return;
        }
        let Ok(turn) = self.0.detached.clone().try_acquire_owned() else {
            return;
        };
        let (memory, name) = (self.0.clone(), name.clone());
        self.0.tasks.spawn_isolated("reading tags", async move {
            let _turn = turn;
            let start = || memory.clone().read_tags(name.clone(), now);
            let read = memory.tags.flights.join(&name, start);
            let _late = tokio::time::timeout(DETACHED_READ_TIMEOUT, read).await;
        });
    }
}

impl Memory {
    async fn read_tags(
        self: Arc<Self>,
        name: RepositoryName,
        now: Timestamp,
    ) -> Result<TagListing, UpstreamError> {
        let begun = Instant::now();
        let answer = self.ask_for_tags(&name).await;
        let is_broken = |listing: &TagListing| listing.end == ListEnd::Broken;
        let validity = self.validity(&answer, is_broken, (now, begun));
        self.tags.remember(name, answer.clone(), validity);
        answer
    }

    /// All pages, one after the other. What came before a failure is a list, though not
    /// a whole one.
    async fn ask_for_tags(&self, name: &RepositoryName) -> Result<TagListing, UpstreamError> {
        let mut tags = BTreeSet::new();
        let mut last = None;
        for _ in 0..MAX_REQUESTS {
            let page = match self
                .upstream
                .tags(name, TAGS_PER_REQUEST, last.as_ref())
                .await
            {
                Ok(page) => page,
                Err(_) if !tags.is_empty() => return Ok(TagListing::new(tags, ListEnd::Broken)),
                Err(error) => return Err(error),
            };
            let before = tags.len();
            tags.extend(page.tags);
            let Some(next) = page.next else {
                return Ok(TagListing::new(tags, ListEnd::Whole));
            };
            // A page that brings nothing new leads in a circle.
            if tags.len() == before || tags.len() > MAX_TAGS {
                break;
            }
            last = Some(next);
        }
        while tags.len() > MAX_TAGS {
            tags.pop_last();
        }
        Ok(TagListing::new(tags, ListEnd::Bound))
    }

    async fn read_referrers(
        self: Arc<Self>,
        key: (RepositoryName, Digest),
        now: Timestamp,
    ) -> Result<ReferrerListing, UpstreamError> {
        let begun = Instant::now();
        let answer = self.ask_for_referrers(&key).await;
        let validity = self.validity(&answer, |_| false, (now, begun));
        self.referrers.remember(key, answer.clone(), validity);
        answer
    }

    async fn ask_for_referrers(
        &self,
        (name, digest): &(RepositoryName, Digest),
    ) -> Result<ReferrerListing, UpstreamError> {
        let entries = self.upstream.referrers(name, digest).await?;
        Ok(ReferrerListing {
            size: write_referrers(&entries).len(),
            entries: entries.into(),
        })
    }

    /// How long an answer to a question of `asked_at` holds, from when it came.
    fn validity<V>(
        &self,
        answer: &Result<V, UpstreamError>,
        is_partial: impl Fn(&V) -> bool,
        (asked_at, begun): (Timestamp, Instant),
    ) -> Validity {
        let tag_ttl = self.upstream.config().tag_ttl;
        let lifetime = match answer {
            Ok(value) if !is_partial(value) => tag_ttl,
            Ok(_) => UpstreamError::FAILURE_TTL.min(tag_ttl),
            Err(UpstreamError::NotFound) => self.upstream.config().absent_ttl.min(tag_ttl),
            Err(error) => error.remembered_for().min(tag_ttl),
        };
        let lifetime = if lifetime.is_zero() {
            lifetime
        } else {
            lifetime + begun.elapsed()
        };
        let lifetime = SignedDuration::try_from(lifetime).unwrap_or(SignedDuration::MAX);
        Validity::lasting(asked_at, lifetime)
    }
}

/// Answers of one kind, with the questions that are under way.
struct Answers<K: Eq + Hash, V: Clone> {
    known: BoundedMemory<K, Answer<V>>,
    flights: SingleFlight<K, Result<V, UpstreamError>>,
}

#[derive(Clone)]
struct Answer<V>(Result<V, UpstreamError>);

impl<K: Clone + Eq + Hash + HeapSize, V: Clone + HeapSize> Answers<K, V> {
    fn new(limit: u64, largest: u64) -> Self {
        Self {
            known: BoundedMemory::with_largest(limit, largest),
            flights: SingleFlight::default(),
        }
    }

    fn remember(&self, key: K, answer: Result<V, UpstreamError>, validity: Validity) {
        self.known.insert(key, Answer(answer), validity);
    }
}

impl<V: HeapSize> HeapSize for Answer<V> {
    fn heap_size(&self) -> usize {
        match &self.0 {
            Ok(value) => value.heap_size(),
            Err(error) => error.heap_size(),
        }
    }
}

impl HeapSize for TagListing {
    fn heap_size(&self) -> usize {
        self.tags.heap_size()
    }
}

/// Read and written out, a list takes about twice its document.
impl HeapSize for ReferrerListing {
    fn heap_size(&self) -> usize {
        2 * self.size
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(tags: &[&str]) -> TagListing {
        let tags = tags.iter().map(|tag| Tag::parse(tag).unwrap());
        TagListing::new(tags.collect(), ListEnd::Whole)
    }

    #[test]
    fn goes_on_behind_what_was_last_also_where_that_is_gone() {
        let listing = listing(&["b", "C", "a", "10", "9"]);
        let after = |last| -> Vec<&str> { listing.after(last).iter().map(Tag::as_str).collect() };
        assert_eq!(after(None), ["10", "9", "C", "a", "b"]);
        assert_eq!(after(Some("9")), ["C", "a", "b"]);
        assert_eq!(after(Some("A")), ["C", "a", "b"]);
        assert_eq!(after(Some("~ no tag")), Vec::<&str>::new());
    }
}
