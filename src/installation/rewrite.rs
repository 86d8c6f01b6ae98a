//! The webhook's rewriting, as a policy that the API server applies by itself:
//! names lead to the gateway also while no Pod of ours runs.
//!
//! It yields what the webhook yields. Names that already lead to the gateway, and
//! those of unknown registries, stay as they are; the latter are refused by the
//! policy of registries.

use serde_json::{Value, json};

use super::names::{metadata, rewrite_policy};
use super::{Installation, cel, scope};
use crate::oci::RegistryHost;

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
            "matchConditions": [
                scope::namespace_condition(installation),
                scope::mirror_condition(),
            ],
            "variables": variables(installation),
            "mutations": [{
                "patchType": "JSONPatch",
                "jsonPatch": { "expression": patches(installation) },
            }],
        },
    })
}

fn variables(installation: &Installation) -> Vec<Value> {
    let mut variables = cel::reading(cel::Slot::Pointer, &installation.default_host);
    variables.push(cel::variable("paths", cel::paths(&installation.upstreams)));
    variables
}

fn patches(installation: &Installation) -> String {
    let gateway = cel::text(&format!("{}/", installation.gateway));
    format!(
        "variables.read\n  \
         .filter(i, i.host in variables.paths && {})\n  \
         .map(i, JSONPatch{{op: 'replace', path: i.slot, value:\n    \
         {gateway} + variables.paths[i.host] + '/' + {}i.rest}})",
        cel::well_formed(),
        official(installation),
    )
}

/// On Docker Hub a name of one component lies under `library/`.
fn official(installation: &Installation) -> String {
    let hub = RegistryHost::docker_hub();
    let known = installation.upstreams.iter().any(|route| route.host == hub);
    match known {
        false => String::new(),
        true => format!(
            "(i.host in {} && !i.rest.contains('/') ? 'library/' : '') + ",
            cel::list(cel::spellings(&hub))
        ),
    }
}
