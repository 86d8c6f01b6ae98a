//! All checks, in the order in which problems are repaired.

use jiff::Timestamp;

use super::expected::ExpectedCluster;
use super::snapshot::{ObjectList, Snapshot};
use super::{
    certificates, dry_run, endpoints, exposed_pods, namespaces, other_webhooks, own_webhooks,
    policies, replicas, timeouts,
};
use crate::diagnosis::Diagnosis;

/// More than people read; the rest is counted.
const MAX_FINDINGS: usize = 200;

/// What is wrong with a cluster, the worst first.
pub fn judge(snapshot: &Snapshot, expected: &ExpectedCluster, now: Timestamp) -> Vec<Diagnosis> {
    let mut found = unread(snapshot);
    found.extend(dry_run::judge(snapshot, expected));
    found.extend(own_webhooks::judge(snapshot, expected));
    found.extend(endpoints::judge(snapshot, expected));
    found.extend(replicas::judge(snapshot, expected));
    found.extend(certificates::judge(snapshot, expected, now));
    found.extend(policies::judge(snapshot, expected));
    found.extend(other_webhooks::judge(snapshot, expected));
    found.extend(timeouts::judge(snapshot, expected));
    found.extend(namespaces::judge(snapshot, expected));
    found.extend(exposed_pods::judge(snapshot, expected));
    found.sort_by_key(|finding| finding.gravity);
    bounded(found)
}

fn bounded(mut found: Vec<Diagnosis>) -> Vec<Diagnosis> {
    let more = found.len().saturating_sub(MAX_FINDINGS);
    found.truncate(MAX_FINDINGS);
    if more > 0 {
        found.push(Diagnosis::unknown(format!(
            "{more} more findings are not shown"
        )));
    }
    found
}

fn unread(snapshot: &Snapshot) -> Vec<Diagnosis> {
    let kinds = [
        ("MutatingWebhookConfigurations", &snapshot.mutating),
        ("ValidatingWebhookConfigurations", &snapshot.validating),
        ("ValidatingAdmissionPolicies", &snapshot.policies),
        (
            "ValidatingAdmissionPolicyBindings",
            &snapshot.policy_bindings,
        ),
        ("Namespaces", &snapshot.namespaces),
        ("Pods", &snapshot.pods),
        ("EndpointSlices", &snapshot.slices),
        ("Secrets of Sekisho's namespace", &snapshot.secrets),
        ("Deployments of Sekisho's namespace", &snapshot.deployments),
        (
            "PodDisruptionBudgets of Sekisho's namespace",
            &snapshot.budgets,
        ),
        (
            "HorizontalPodAutoscalers of Sekisho's namespace",
            &snapshot.autoscalers,
        ),
        ("ClusterRoles", &snapshot.cluster_roles),
        ("ClusterRoleBindings", &snapshot.cluster_role_bindings),
    ];
    // Before Kubernetes 1.36 they are not served, and nothing is amiss.
    let newer = [
        ("MutatingAdmissionPolicies", &snapshot.mutating_policies),
        (
            "MutatingAdmissionPolicyBindings",
            &snapshot.mutating_policy_bindings,
        ),
    ];
    let newer = newer
        .into_iter()
        .filter(|(_, listed)| !matches!(listed, ObjectList::NoSuchKind));
    kinds
        .into_iter()
        .chain(newer)
        .filter_map(|(kind, listed)| not_read(kind, listed))
        .collect()
}

fn not_read(kind: &str, listed: &ObjectList) -> Option<Diagnosis> {
    let why = match listed {
        ObjectList::Items(_) => return None,
        ObjectList::NoSuchKind => {
            "the API server does not serve them: Kubernetes 1.30 or newer does"
        }
        ObjectList::Unknown(why) => why,
    };
    Some(
        Diagnosis::unknown(format!("{kind} could not be read"))
            .why(why)
            .next("run the doctor with a kubeconfig that may list them"),
    )
}
