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
use super::seen::{Change, Name, Seen};
use super::watched::Watched;
use super::{Cluster, Knowledge, WatchState};
use crate::kubernetes::exposure::{GatewayRouteSpec, IngressSpec, PodSpec, RouteKind, ServiceSpec};
use crate::tasks::Tasks;

/// How long a kind that the cluster lacks, or forbids, is let alone.
const RECHECK: Duration = Duration::from_secs(300);
/// A watch that failed tells its next failure sooner than this, and one that was
/// taken up again tells nothing.
const QUIET: Duration = Duration::from_secs(150);
/// Objects in one answer: what bounds the memory that a list takes.
const PAGE: u32 = 250;

/// Follows the cluster until shutdown begins, into `knowledge`.
pub fn follow_cluster(knowledge: &Arc<Knowledge>, cluster: &Cluster, tasks: &Tasks) {
    for kind in Watched::ALL {
        let (cluster, cancelled) = (cluster.clone(), tasks.cancelled());
        let following = follow_kind(knowledge.clone(), cluster, kind);
        tasks.spawn("follow a cluster", async move {
            tokio::select! {
                () = following => {}
                () = cancelled => {}
            }
        });
    }
}

async fn follow_kind(knowledge: Arc<Knowledge>, cluster: Cluster, kind: Watched) {
    match kind {
        Watched::Services => follow::<ServiceSpec>(cluster, knowledge, kind).await,
        Watched::Pods => follow::<PodSpec>(cluster, knowledge, kind).await,
        Watched::Routes(RouteKind::Ingress) => {
            follow::<IngressSpec>(cluster, knowledge, kind).await;
        }
        Watched::Routes(RouteKind::Http | RouteKind::Grpc) => {
            follow::<GatewayRouteSpec>(cluster, knowledge, kind).await;
        }
    }
}

/// Follows a kind for ever.
async fn follow<S: Followed>(cluster: Cluster, knowledge: Arc<Knowledge>, kind: Watched) {
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
