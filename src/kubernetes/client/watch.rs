//! One watch: list, watch, and list again after an error.

use std::mem;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use kube::Api;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Config, Event, watcher};

use super::error::describe;
use super::watched_kind::WatchedKind;
use super::watched_object::{NamespacedName, WatchChange, WatchedObject};
use super::watched_spec::WatchedSpec;
use super::{ExposureWatcher, KubernetesClient, WatchState};
use crate::kubernetes::exposure::{GatewayRouteSpec, IngressSpec, PodSpec, RouteKind, ServiceSpec};
use crate::tasks::Tasks;

/// How long to wait before a kind that is absent or forbidden is tried again.
const REFUSED_KIND_RETRY: Duration = Duration::from_secs(300);
/// A failed watch that logs no further failure for this long counts as recovered.
const FAILURE_LOG_INTERVAL: Duration = Duration::from_secs(150);
/// Objects in one answer: what bounds the memory that a list takes.
const OBJECTS_PER_PAGE: u32 = 250;

/// Follows the cluster until shutdown begins, into `knowledge`.
pub fn follow_cluster(knowledge: &Arc<ExposureWatcher>, cluster: &KubernetesClient, tasks: &Tasks) {
    for kind in WatchedKind::ALL {
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

async fn follow_kind(
    knowledge: Arc<ExposureWatcher>,
    cluster: KubernetesClient,
    kind: WatchedKind,
) {
    match kind {
        WatchedKind::Services => follow::<ServiceSpec>(cluster, knowledge, kind).await,
        WatchedKind::Pods => follow::<PodSpec>(cluster, knowledge, kind).await,
        WatchedKind::Routes(RouteKind::Ingress) => {
            follow::<IngressSpec>(cluster, knowledge, kind).await;
        }
        WatchedKind::Routes(RouteKind::Http | RouteKind::Grpc) => {
            follow::<GatewayRouteSpec>(cluster, knowledge, kind).await;
        }
    }
}

/// Follows a kind for ever.
async fn follow<S: WatchedSpec>(
    cluster: KubernetesClient,
    knowledge: Arc<ExposureWatcher>,
    kind: WatchedKind,
) {
    let api: Api<WatchedObject<S>> = Api::all_with(cluster.client(), &kind.resource());
    loop {
        let refused = follow_until_refused(api.clone(), &knowledge, kind).await;
        if refused == WatchState::Absent {
            S::apply(&knowledge, kind, WatchChange::All(Vec::new()));
        }
        knowledge.report(kind, refused);
        tokio::time::sleep(REFUSED_KIND_RETRY).await;
    }
}

/// Follows a kind until the API server says that there is none or that it may
/// not be read; whatever else goes wrong is tried again, ever more slowly.
async fn follow_until_refused<S: WatchedSpec>(
    api: Api<WatchedObject<S>>,
    knowledge: &ExposureWatcher,
    kind: WatchedKind,
) -> WatchState {
    let mut config = Config::default().page_size(OBJECTS_PER_PAGE);
    config.field_selector = kind.fields().map(str::to_owned);
    let mut events = pin!(watcher(api, config).default_backoff());
    let mut listing = Listing::new();
    loop {
        match tokio::time::timeout(FAILURE_LOG_INTERVAL, events.next()).await {
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
struct Listing<T>(Vec<(NamespacedName, Option<T>)>);

impl<T> Listing<T> {
    fn new() -> Self {
        Self(Vec::new())
    }

    fn take<S: WatchedSpec<Kept = T>>(
        &mut self,
        event: Event<WatchedObject<S>>,
    ) -> Option<WatchChange<T>> {
        match event {
            Event::Apply(object) => Some(WatchChange::One(object.name(), S::read(object))),
            Event::Delete(object) => Some(WatchChange::One(object.name(), None)),
            Event::Init => {
                self.0.clear();
                None
            }
            Event::InitApply(object) => {
                self.0.push((object.name(), S::read(object)));
                None
            }
            Event::InitDone => Some(WatchChange::All(mem::take(&mut self.0))),
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
        kube::Error::Api(status) if status.is_forbidden() => WatchState::Forbidden(describe(cause)),
        other => WatchState::Failing(describe(other)),
    }
}
