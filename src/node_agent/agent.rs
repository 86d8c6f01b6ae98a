//! All of an agent, put together.

use std::sync::Arc;

use jiff::Timestamp;

use super::answerer::Answerer;
use super::canaries::{Canaries, LEFT_ALONE};
use super::cri::CriClient;
use super::error::AgentError;
use super::event_queue::EventQueue;
use super::evictions::Evictions;
use super::follower::Follower;
use super::gateway::Gateways;
use super::options::AgentOptions;
use super::runtime::follow_runtime;
use super::snapshot_keeper::SnapshotKeeper;
use super::state_folder::StateFolder;
use crate::clock::Clock;
use crate::metrics::AgentMetrics;
use crate::tasks::{HeavyWork, Tasks};

/// How an agent is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AgentCondition {
    /// Whether the runtime asks it.
    pub is_asked: bool,
    pub is_gateway_reached: bool,
    /// The number of the snapshot in force; `None`: there is none yet.
    pub snapshot: Option<u64>,
    pub is_expired: bool,
}

/// An agent that runs as a set of tasks.
pub struct NodeAgent {
    keeper: Arc<SnapshotKeeper>,
    metrics: AgentMetrics,
}

impl NodeAgent {
    /// Starts everything: the runtime is answered at once, by what lies on the disk.
    ///
    /// # Errors
    /// [`AgentError`] where a file for the way to gateways is missing or unusable.
    pub fn start(
        options: AgentOptions,
        metrics: AgentMetrics,
        clock: &Clock,
        tasks: &Tasks,
    ) -> Result<Self, AgentError> {
        let gateways = Gateways::new(options.access)?;
        let keeper = Arc::new(SnapshotKeeper::open(
            options.environment,
            options.keys,
            StateFolder::new(&options.state_dir),
            metrics.clone(),
        ));
        let events = Arc::new(EventQueue::default());
        let cri = options.cri_socket.map(CriClient::new);
        let answerer = Arc::new(Answerer {
            keeper: keeper.clone(),
            exemptions: options.exemptions.clone(),
            events: events.clone(),
            cri: cri.clone(),
            metrics: metrics.clone(),
            clock: clock.clone(),
        });
        let runtime = follow_runtime(options.nri_socket, answerer);
        spawn(tasks, "runtime", runtime);
        let follower = Arc::new(Follower {
            node: options.node,
            gateways,
            keeper: keeper.clone(),
            events: events.clone(),
            metrics: metrics.clone(),
            clock: clock.clone(),
            heavy: HeavyWork::new(),
        });
        spawn(tasks, "snapshots", follower.clone().follow_snapshots());
        spawn(tasks, "events", follower.tell_events());
        if let Some(cri) = cri {
            let evictions = Evictions {
                keeper: keeper.clone(),
                events,
                cri: cri.clone(),
                exemptions: options.exemptions,
                metrics: metrics.clone(),
                clock: clock.clone(),
            };
            spawn(tasks, "evictions", evictions.follow());
            if let Some(every) = options.canary_every {
                let canaries = Canaries {
                    keeper: keeper.clone(),
                    cri,
                    every,
                    left_alone: LEFT_ALONE,
                    metrics: metrics.clone(),
                };
                spawn(tasks, "canaries", canaries.follow());
            }
        }
        Ok(Self { keeper, metrics })
    }

    pub fn condition(&self, now: Timestamp) -> AgentCondition {
        let held = self.keeper.held();
        let snapshot = held.as_ref().map(|held| held.snapshot());
        AgentCondition {
            is_asked: self.metrics.runtime_connected.get() == 1,
            is_gateway_reached: self.metrics.gateway_reached.get() == 1,
            snapshot: snapshot.map(|it| it.terms().sequence),
            is_expired: snapshot.is_some_and(|it| it.is_expired(now)),
        }
    }

    /// The page that scrapers read.
    pub fn metrics_page(&self) -> String {
        let held = self.keeper.held();
        let terms = held.as_ref().map(|held| held.snapshot().terms());
        let issued = terms.map_or(0, |terms| terms.issued_at.as_second());
        let expires = terms.map_or(0, |terms| terms.valid_until.as_second());
        self.metrics.snapshot_issued_seconds.set(issued);
        self.metrics.snapshot_expires_seconds.set(expires);
        self.metrics.encode()
    }
}

/// Runs until shutdown begins: nothing that is dropped is half done.
fn spawn(tasks: &Tasks, name: &'static str, future: impl Future<Output = ()> + Send + 'static) {
    let shutdown = tasks.cancelled();
    tasks.spawn(name, async move {
        tokio::select! {
            () = shutdown => {}
            () = future => {}
        }
    });
}
