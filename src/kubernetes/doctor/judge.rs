//! All judgements, in the order in which people repair.

use jiff::Timestamp;

use super::expected::Expected;
use super::snapshot::{Listed, Snapshot};
use super::{certificates, endpoints, exempt, neighbours, own, policies, reached, timeouts, trial};
use crate::diagnosis::Diagnosis;

/// More than people read; the rest is counted.
const MOST: usize = 200;

/// What is wrong with a cluster, the worst first.
pub fn judge(snapshot: &Snapshot, expected: &Expected, now: Timestamp) -> Vec<Diagnosis> {
    let mut found = unread(snapshot);
    found.extend(trial::judge(snapshot, expected));
    found.extend(own::judge(snapshot, expected));
    found.extend(endpoints::judge(snapshot, expected));
    found.extend(certificates::judge(snapshot, expected, now));
    found.extend(policies::judge(snapshot, expected));
    found.extend(neighbours::judge(snapshot, expected));
    found.extend(timeouts::judge(snapshot, expected));
    found.extend(exempt::judge(snapshot, expected));
    found.extend(reached::judge(snapshot, expected));
    found.sort_by_key(|finding| finding.gravity);
    bounded(found)
}

fn bounded(mut found: Vec<Diagnosis>) -> Vec<Diagnosis> {
    let more = found.len().saturating_sub(MOST);
    found.truncate(MOST);
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
        ("ClusterRoles", &snapshot.cluster_roles),
        ("ClusterRoleBindings", &snapshot.cluster_role_bindings),
    ];
    kinds
        .into_iter()
        .filter_map(|(kind, listed)| not_read(kind, listed))
        .collect()
}

fn not_read(kind: &str, listed: &Listed) -> Option<Diagnosis> {
    let why = match listed {
        Listed::Items(_) => return None,
        Listed::NoSuchKind => "the API server does not serve them: Kubernetes 1.30 or newer does",
        Listed::Unknown(why) => why,
    };
    Some(
        Diagnosis::unknown(format!("{kind} could not be read"))
            .why(why)
            .next("run the doctor with a kubeconfig that may list them"),
    )
}
