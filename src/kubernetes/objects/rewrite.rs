//! The webhook's rewriting, as a policy that the API server applies by itself:
//! names lead to the gateway also while no Pod of ours runs.
//!
//! It yields the names that the webhook yields, without digests. Names that already
//! lead to the gateway, and those of unknown registries, stay as they are; the latter
//! are refused by the policy of registries.

use serde_json::{Value, json};

use super::metadata::metadata;
use super::{Installation, cel, literal, namespaces, scope};
use crate::kubernetes::names::rewrite_policy;
use crate::oci::RegistryHost;

/// The longest name, host included, that every client takes, in bytes.
const MAX_NAME_BYTES: usize = 255;

/// The policy and its binding.
pub(super) fn rewrite(installation: &Installation) -> Vec<Value> {
    let name = rewrite_policy(&installation.cluster);
    vec![
        policy(installation, &name),
        json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "MutatingAdmissionPolicyBinding",
            "metadata": metadata(&name),
            "spec": { "policyName": name },
        }),
    ]
}

fn policy(installation: &Installation, name: &str) -> Value {
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingAdmissionPolicy",
        "metadata": metadata(name),
        "spec": {
            // A name that was not rewritten is refused or mirrored, never lost.
            "failurePolicy": "Ignore",
            "reinvocationPolicy": "IfNeeded",
            "matchConstraints": {
                "matchPolicy": "Equivalent",
                "namespaceSelector": scope::namespaces(installation),
                "resourceRules": scope::pods(),
            },
            "matchConditions": conditions(installation),
            "variables": variables(installation),
            "mutations": [{
                "patchType": "JSONPatch",
                "jsonPatch": { "expression": patches() },
            }],
        },
    })
}

fn conditions(installation: &Installation) -> Vec<Value> {
    let mut conditions = scope::pod_conditions(installation);
    if let Some(rewritten) = namespaces::rewritten(&installation.namespaces) {
        conditions.push(scope::condition("namespace-is-rewritten", rewritten));
    }
    conditions
}

/// `named` is `read` without what is left alone, with the whole name at the gateway.
fn variables(installation: &Installation) -> Vec<Value> {
    // As nodes read them where nothing rewrites.
    let hub = RegistryHost::docker_hub();
    let mut variables = cel::reading(installation, cel::Listing::Placed, &hub);
    let gateway = literal::text(&format!("{}/", installation.gateway));
    let named = format!(
        "variables.read\n  \
         .filter(i, i.host in variables.paths && {})\n  \
         .map(i, {{'at': i.at, 'name': {gateway} + variables.paths[i.host] + '/' + {}i.name,\n    \
         'suffix': i.rest.contains(':') ? i.rest.substring(i.name.size()) : ':latest'}})",
        cel::is_well_formed(),
        official(installation),
    );
    variables.push(cel::variable("paths", cel::paths(&installation.upstreams)));
    variables.push(cel::variable("named", named));
    variables
}

fn patches() -> String {
    format!(
        "variables.named\n  \
         .filter(i, i.name.size() <= {MAX_NAME_BYTES})\n  \
         .map(i, JSONPatch{{op: 'replace', path: i.at, value: i.name + i.suffix}})"
    )
}

/// On Docker Hub a name of one component lies under `library/`.
fn official(installation: &Installation) -> String {
    let hub = RegistryHost::docker_hub();
    let known = installation.upstreams.iter().any(|route| route.host == hub);
    match known {
        false => String::new(),
        true => format!(
            "(i.host in {} && !i.name.contains('/') ? 'library/' : '') + ",
            literal::list(cel::spellings(&hub))
        ),
    }
}
