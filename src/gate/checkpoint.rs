//! What a gate is made of.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::Timestamp;

use crate::access::Principal;
use crate::cache::{Cache, CachedManifest};
use crate::flight::Flights;
use crate::ledger::Ledger;
use crate::metrics::Metrics;
use crate::oci::{Digest, RegistryHost, Repository};
use crate::trust::Rulebook;

use super::closures::Closures;
use super::facts::Facts;
use super::vouch::Vouched;
use super::{Reachable, Recorder, Refusal};

/// Everything a decision needs.
pub struct Gate {
    pub(super) rulebook: ArcSwap<Rulebook>,
    pub(super) upstreams: BTreeMap<RegistryHost, Reachable>,
    pub(super) ledger: Arc<Ledger>,
    pub(super) cache: Arc<Cache>,
    pub(super) recorder: Recorder,
    pub(super) closures: Closures,
    /// Manifests on their way from upstream.
    pub(super) manifests: Flights<(Repository, Digest), Result<Arc<CachedManifest>, Refusal>>,
    pub(super) vouched: Vouched,
    pub(super) facts: Facts,
    pub(super) metrics: Metrics,
}

/// What a gate is built from.
pub struct Parts {
    pub rulebook: Rulebook,
    pub upstreams: Vec<Reachable>,
    pub ledger: Arc<Ledger>,
    pub cache: Arc<Cache>,
    pub recorder: Recorder,
    pub metrics: Metrics,
}

impl Gate {
    pub fn new(parts: Parts) -> Self {
        let by_host = |upstream: Reachable| (upstream.host.clone(), upstream);
        Self {
            rulebook: ArcSwap::from_pointee(parts.rulebook),
            upstreams: parts.upstreams.into_iter().map(by_host).collect(),
            ledger: parts.ledger,
            cache: parts.cache,
            recorder: parts.recorder,
            closures: Closures::new(),
            manifests: Flights::default(),
            vouched: Vouched::default(),
            facts: Facts::default(),
            metrics: parts.metrics,
        }
    }

    /// The policy as it stands; a request reads it once.
    pub fn rulebook(&self) -> Arc<Rulebook> {
        self.rulebook.load_full()
    }

    /// Swaps the whole policy. Remembered verdicts of another revision are
    /// judged again at their next request.
    pub fn set_rulebook(&self, rulebook: Rulebook) {
        self.rulebook.store(Arc::new(rulebook));
    }

    pub fn upstreams(&self) -> impl Iterator<Item = &Reachable> {
        self.upstreams.values()
    }

    /// Who holds this token. Memory only.
    pub fn authenticate(&self, token: &str, now: Timestamp) -> Option<Principal> {
        self.ledger.authenticate(token, now)
    }

    pub fn recorder(&self) -> &Recorder {
        &self.recorder
    }
}
