//! The parameters of a gate, and what its parts share.

use std::sync::Arc;

use super::attachments::Attachments;
use super::closures::Closures;
use super::evidence::PullFacts;
use super::evidence::Sources;
use super::judge::Judge;
use super::record::AuditLossRule;
use super::record::{Recorder, Records};
use super::resolve::Resolver;
use super::serve::Server;
use super::upstreams::{ConfiguredUpstream, Upstreams};
use crate::cache::Cache;
use crate::clock::Clock;
use crate::ledger::Ledger;
use crate::metrics::Metrics;
use crate::tasks::Tasks;
use crate::trust::Rulebook;

/// What a gate is built from.
pub struct GateParts {
    pub rulebook: Rulebook,
    pub upstreams: Vec<ConfiguredUpstream>,
    pub ledger: Arc<Ledger>,
    pub cache: Arc<Cache>,
    pub recorder: Recorder,
    pub audit_loss: AuditLossRule,
    pub metrics: Metrics,
    /// What time it is, at all doors.
    pub clock: Clock,
    /// Where readings go on that nobody waits for any more.
    pub tasks: Tasks,
}

/// The steps of a pull, as every door's part of the gate takes them.
pub(super) struct Shared {
    pub(super) ledger: Arc<Ledger>,
    pub(super) facts: Arc<PullFacts>,
    pub(super) upstreams: Arc<Upstreams>,
    pub(super) resolver: Arc<Resolver>,
    pub(super) closures: Arc<Closures>,
    pub(super) judge: Arc<Judge>,
    pub(super) records: Arc<Records>,
    pub(super) server: Server,
}

impl GateParts {
    pub(super) fn share(self) -> (Rulebook, Shared) {
        let Self { ledger, cache, .. } = self;
        let facts = Arc::new(PullFacts::default());
        let upstreams = Arc::new(Upstreams::new(self.upstreams));
        let attachments = Arc::new(Attachments::new());
        let closures = Closures::new(
            ledger.clone(),
            upstreams.clone(),
            attachments.clone(),
            self.tasks.clone(),
        );
        let closures = Arc::new(closures);
        let sources = Sources::new(
            ledger.clone(),
            upstreams.clone(),
            closures.clone(),
            attachments.clone(),
            facts.clone(),
            self.tasks,
        );
        let judge = Judge::new(ledger.clone(), cache.clone(), closures.clone(), sources);
        let records = Records::new(self.recorder, ledger.clone(), facts.clone());
        let resolver = Resolver::new(
            upstreams.clone(),
            ledger.clone(),
            attachments,
            self.audit_loss,
        );
        let shared = Shared {
            resolver: Arc::new(resolver),
            judge: Arc::new(judge),
            records: Arc::new(records),
            server: Server::new(cache, upstreams.clone(), self.metrics),
            ledger,
            facts,
            upstreams,
            closures,
        };
        (self.rulebook, shared)
    }
}
