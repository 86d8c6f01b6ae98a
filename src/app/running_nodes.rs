//! What runs on nodes, as agents tell it, in memory: of all replicas the same, since it
//! comes from the ledger.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};

use crate::ledger::{ContainerOnNode, KnownNode, Ledger, LedgerError, NodeContainers};
use crate::metrics::{EnvironmentLabels, Metrics};
use crate::trust::EnvironmentName;

/// An agent that told nothing for so long is silent: it tells of all that runs each five
/// minutes.
const SILENT_AFTER: SignedDuration = SignedDuration::from_mins(12);

/// What may be in memory of what runs, in bytes: some hundred thousand containers. What is more
/// is in the ledger, and counts as not in use.
const MAX_BYTES: usize = 256 << 20;

type Nodes = HashMap<i64, NodeInMemory>;

/// A node with what runs there, and what that takes, in bytes.
#[derive(Clone)]
struct NodeInMemory {
    node: KnownNode,
    runs: Arc<NodeContainers>,
    bytes: usize,
}

/// The nodes with what runs there.
#[derive(Default)]
pub(super) struct NodesInMemory(Mutex<Nodes>);

impl NodesInMemory {
    /// Reads what is new in the ledger.
    ///
    /// # Errors
    /// [`LedgerError`] where it cannot be read; what is known stays.
    pub(super) async fn follow_once(
        &self,
        ledger: &Ledger,
        metrics: &Metrics,
        now: Timestamp,
    ) -> Result<(), LedgerError> {
        let known = ledger.known_nodes(now).await?;
        let mut nodes = self.lock().clone();
        let numbers: HashSet<i64> = known.iter().map(|node| node.number).collect();
        nodes.retain(|number, _| numbers.contains(number));
        let mut bytes: usize = nodes.values().map(|it| it.bytes).sum();
        for node in known {
            let number = node.number;
            if let Some(known) = nodes.get_mut(&number) {
                known.node = node;
            } else if bytes < MAX_BYTES
                && let Some(runs) = ledger.runs_on_node(number).await?
            {
                let node = NodeInMemory::new(node, runs);
                bytes += node.bytes;
                nodes.insert(number, node);
                if bytes >= MAX_BYTES {
                    tracing::warn!(
                        bytes,
                        "more runs on nodes than memory holds: the rest is unseen"
                    );
                }
            }
        }
        show(metrics, nodes.values().map(|it| &it.node), now);
        *self.lock() = nodes;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Nodes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn each(&self, mut found: impl FnMut(&EnvironmentName, &ContainerOnNode)) {
        let nodes: Vec<_> = self.lock().values().cloned().collect();
        for NodeInMemory { node, runs, .. } in &nodes {
            runs.values().for_each(|it| found(&node.environment, it));
        }
    }
}

impl NodeInMemory {
    fn new(node: KnownNode, runs: NodeContainers) -> Self {
        let bytes = runs.iter().map(|(id, it)| it.bytes(id)).sum();
        let runs = Arc::new(runs);
        Self { node, runs, bytes }
    }
}

fn show<'a>(metrics: &Metrics, nodes: impl Iterator<Item = &'a KnownNode>, now: Timestamp) {
    let mut counts: BTreeMap<Arc<str>, (i64, i64)> = BTreeMap::new();
    for node in nodes {
        let is_silent = now.duration_since(node.seen).abs() > SILENT_AFTER;
        let (all, silent) = counts.entry(node.environment.as_str().into()).or_default();
        *all += 1;
        *silent += i64::from(is_silent);
    }
    let labelled = |(environment, count)| (EnvironmentLabels { environment }, count);
    let all = counts.iter().map(|(it, (all, _))| (it.clone(), *all));
    metrics.nodes.agents.replace(all.map(labelled));
    let silent = counts.iter().map(|(it, (_, silent))| (it.clone(), *silent));
    metrics.nodes.agents_silent.replace(silent.map(labelled));
}
