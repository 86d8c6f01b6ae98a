//! One watch: list, follow, and list again when the thread is lost.

use std::mem;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use kube::Api;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Config, Event, watcher};

use super::error::in_words;
use super::followed::Followed;
use super::seen::Seen;
use super::watched::Watched;
use super::{Cluster, Knowledge, WatchState};

/// How long a kind that the cluster lacks, or forbids, is let alone.
const RECHECK: Duration = Duration::from_secs(300);
/// A watch that failed tells its next failure sooner than this, and one that was
/// taken up again tells nothing.
const QUIET: Duration = Duration::from_secs(150);
/// Objects in one answer: what bounds the memory that a list takes.
const PAGE: u32 = 250;

/// Namespace and name.
pub(super) type Name = (Box<str>, Box<str>);

/// What a watch brings: one object, or the complete list of them. An object
/// that is None is gone, or does not matter.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Change<T, N = Name> {
    One(N, Option<T>),
    All(Vec<(N, Option<T>)>),
}

impl<T, N> Change<T, N> {
    /// The same, under names of another type.
    pub fn named<M>(self, name: impl Fn(N) -> M) -> Change<T, M> {
        match self {
            Self::One(old, kept) => Change::One(name(old), kept),
            Self::All(kept) => {
                let renamed = kept.into_iter().map(|(old, kept)| (name(old), kept));
                Change::All(renamed.collect())
            }
        }
    }
}

/// Follows a kind for ever.
pub(super) async fn follow<S: Followed>(
    cluster: Cluster,
    knowledge: Arc<Knowledge>,
    kind: Watched,
) {
    let api: Api<Seen<S>> = Api::all_with(cluster.client(), &kind.resource());
    loop {
        let refused = follow_until_refused(api.clone(), &knowledge, kind).await;
        if refused == WatchState::Absent {
            S::apply(&knowledge, kind, Change::All(Vec::new()));
        }
        knowledge.report(kind, refused);
        tokio::time::sleep(RECHECK).await;
    }
}

/// Follows a kind until the API server says that there is none or that it may
/// not be read; whatever else goes wrong is tried again, ever more slowly.
async fn follow_until_refused<S: Followed>(
    api: Api<Seen<S>>,
    knowledge: &Knowledge,
    kind: Watched,
) -> WatchState {
    let mut config = Config::default().page_size(PAGE);
    config.field_selector = kind.fields().map(str::to_owned);
    let mut events = pin!(watcher(api, config).default_backoff());
    let mut listing = Listing::new();
    loop {
        match tokio::time::timeout(QUIET, events.next()).await {
            Ok(Some(Ok(event))) => {
                if let Some(change) = listing.take(event) {
                    S::apply(knowledge, kind, change);
                    knowledge.report(kind, WatchState::Current);
                }
            }
            Ok(Some(Err(error))) => match state_after(&error) {
                refused @ (WatchState::Absent | WatchState::Forbidden(_)) => return refused,
                failing => knowledge.report(kind, failing),
            },
            Ok(None) => return WatchState::Failing("the watch has ended".to_owned()),
            Err(_) => knowledge.recovered(kind),
        }
    }
}

/// A list that is still coming in.
struct Listing<T>(Vec<(Name, Option<T>)>);

impl<T> Listing<T> {
    fn new() -> Self {
        Self(Vec::new())
    }

    fn take<S: Followed<Kept = T>>(&mut self, event: Event<Seen<S>>) -> Option<Change<T>> {
        match event {
            Event::Apply(object) => Some(Change::One(object.name(), S::read(object))),
            Event::Delete(object) => Some(Change::One(object.name(), None)),
            Event::Init => {
                self.0.clear();
                None
            }
            Event::InitApply(object) => {
                self.0.push((object.name(), S::read(object)));
                None
            }
            Event::InitDone => Some(Change::All(mem::take(&mut self.0))),
        }
    }
}

/// What an error says of the kind.
fn state_after(error: &watcher::Error) -> WatchState {
    let cause = match error {
        watcher::Error::InitialListFailed(cause)
        | watcher::Error::WatchStartFailed(cause)
        | watcher::Error::WatchFailed(cause) => cause,
        other => return WatchState::Failing(other.to_string()),
    };
    match cause {
        kube::Error::Api(status) if status.code == 404 => WatchState::Absent,
        kube::Error::Api(status) if status.is_forbidden() => WatchState::Forbidden(in_words(cause)),
        other => WatchState::Failing(in_words(other)),
    }
}
