//! Whether Sekisho's own Pods outlive the loss of one, and leave a node that is drained.

use serde_json::{Map, Value};

use super::expected::ExpectedCluster;
use super::selector::{labels_of, selects};
use super::snapshot::{Snapshot, name_of, namespace_of, text};
use crate::diagnosis::Diagnosis;
use crate::kubernetes::names::PROGRAM_NAME;

/// Nothing where the program does not run in the cluster.
pub(super) fn judge(snapshot: &Snapshot, expected: &ExpectedCluster) -> Vec<Diagnosis> {
    let Some(deployment) = snapshot.deployments.named(PROGRAM_NAME) else {
        return Vec::new();
    };
    let program = Program {
        deployment,
        namespace: &expected.namespace,
        wanted: number(deployment, "/spec/replicas").unwrap_or(1),
    };
    let budgets = snapshot.budgets.items().iter();
    let mut found: Vec<Diagnosis> = budgets.filter_map(|one| program.blocked_by(one)).collect();
    found.extend(program.unavailable());
    found.extend(program.crowded(snapshot.pods.items()));
    found.extend(program.alone());
    for scaler in snapshot.autoscalers.items() {
        found.extend(program.scaled_by(scaler));
    }
    found
}

/// What runs the program.
struct Program<'s> {
    deployment: &'s Value,
    namespace: &'s str,
    wanted: u64,
}

impl Program<'_> {
    /// A budget that never lets a Pod go.
    fn blocked_by(&self, budget: &Value) -> Option<Diagnosis> {
        let selector = budget.pointer("/spec/selector")?;
        if !selects(selector, &self.labels()) || !self.lets_none_go(budget) {
            return None;
        }
        let name = name_of(budget);
        let what = format!("the PodDisruptionBudget {name} lets no Pod of Sekisho go");
        let step = "give it maxUnavailable: 1 and no minAvailable, as the chart does";
        Some(
            Diagnosis::wrong(what)
                .why("a drain of the node that runs one never ends")
                .next(step),
        )
    }

    fn lets_none_go(&self, budget: &Value) -> bool {
        let at_least = budget.pointer("/spec/minAvailable");
        let at_most = budget.pointer("/spec/maxUnavailable");
        let of_all = |amount: &Value| match amount.as_str() {
            Some("100%") => true,
            _ => amount.as_u64().is_some_and(|count| count >= self.wanted),
        };
        at_least.is_some_and(of_all) || at_most.is_some_and(|amount| amount == 0 || amount == "0%")
    }

    fn unavailable(&self) -> Option<Diagnosis> {
        let missing = number(self.deployment, "/status/unavailableReplicas")?;
        let (wanted, namespace) = (self.wanted, self.namespace);
        (missing > 0 && wanted > 1).then(|| {
            Diagnosis::wrong(format!(
                "{missing} of {wanted} Pods of Sekisho are not available"
            ))
            .why("the next one that is lost may be the last")
            .next(format!(
                "kubectl -n {namespace} describe pods, for the reason"
            ))
        })
    }

    /// Several Pods, all on one node.
    fn crowded(&self, pods: &[Value]) -> Option<Diagnosis> {
        let placed = pods.iter().filter(|pod| self.is_ours(pod));
        let nodes: Vec<&str> = placed
            .map(|pod| text(pod, "/spec/nodeName"))
            .filter(|node| !node.is_empty())
            .collect();
        let (count, first) = (nodes.len(), *nodes.first()?);
        let namespace = self.namespace;
        (count > 1 && nodes.iter().all(|node| *node == first)).then(|| {
            Diagnosis::wrong(format!("all {count} Pods of Sekisho run on the node {first}"))
                .why("when it fails, nothing is pulled until they run elsewhere")
                .next(format!(
                    "make room on another node, then kubectl -n {namespace} rollout restart deployment/sekisho"
                ))
        })
    }

    fn is_ours(&self, pod: &Value) -> bool {
        let selector = self.deployment.pointer("/spec/selector");
        namespace_of(pod) == self.namespace
            && pod.pointer("/metadata/deletionTimestamp").is_none()
            && selector.is_some_and(|selector| selects(selector, &labels_of(pod)))
    }

    /// As it is with an SQLite file.
    fn alone(&self) -> Option<Diagnosis> {
        let is_replaced = text(self.deployment, "/spec/strategy/type") == "Recreate";
        (is_replaced && self.wanted == 1).then(|| {
            Diagnosis::note("one Pod of Sekisho serves the cluster")
                .why("while it restarts, what nodes do not hold is not pulled")
                .next("lead [ledger] url to PostgreSQL, and run two or more")
        })
    }

    fn scaled_by(&self, scaler: &Value) -> Option<Diagnosis> {
        if text(scaler, "/spec/scaleTargetRef/name") != PROGRAM_NAME {
            return None;
        }
        let name = name_of(scaler);
        if number(scaler, "/spec/minReplicas").unwrap_or(1) < 2 {
            let what = format!("the HorizontalPodAutoscaler {name} may leave one Pod of Sekisho");
            return Some(
                Diagnosis::wrong(what)
                    .why("nobody answers while that one moves or restarts")
                    .next("give it minReplicas: 2 or more"),
            );
        }
        let what = format!("the HorizontalPodAutoscaler {name} does not scale");
        inactive(scaler).map(|why| {
            Diagnosis::wrong(what)
                .why(why)
                .next("install metrics-server, or delete the autoscaler and say replicas")
        })
    }

    fn labels(&self) -> Map<String, Value> {
        let template = self.deployment.pointer("/spec/template");
        template.map(labels_of).unwrap_or_default()
    }
}

/// Why it does not scale, in the words of its controller.
fn inactive(scaler: &Value) -> Option<String> {
    let conditions = scaler.pointer("/status/conditions")?.as_array()?;
    let is_inactive = |one: &&Value| one["type"] == "ScalingActive" && one["status"] == "False";
    let found = conditions.iter().find(is_inactive)?;
    Some(text(found, "/message").to_owned())
}

fn number(object: &Value, pointer: &str) -> Option<u64> {
    object.pointer(pointer)?.as_u64()
}
