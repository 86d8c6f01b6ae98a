//! The allow-list of registries, as a policy that the API server holds by itself.
//!
//! It checks names alone: what lies behind one is judged by the gateway, at every pull.
//! It denies in every mode, since modes concern evidence and not names that bypass the
//! gateway.

use serde_json::{Value, json};

use super::metadata::metadata;
use super::{Installation, NodeNames, cel, literal, scope};
use crate::kubernetes::names::registries_policy;
use crate::oci::RegistryHost;

/// The policy and its binding.
pub(super) fn registries(installation: &Installation) -> Vec<Value> {
    let name = registries_policy(&installation.cluster);
    vec![
        policy(installation, &name),
        json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": metadata(&name),
            "spec": { "policyName": name, "validationActions": ["Deny"] },
        }),
    ]
}

fn policy(installation: &Installation, name: &str) -> Value {
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": metadata(name),
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {
                "matchPolicy": "Equivalent",
                "namespaceSelector": scope::namespaces(installation),
                "resourceRules": scope::pods(),
            },
            "matchConditions": scope::pod_conditions(installation),
            "variables": variables(installation),
            "validations": [{
                "expression": "variables.refused.size() == 0",
                "reason": "Forbidden",
                "message": message(installation),
                "messageExpression": message_expression(installation),
            }],
        },
    })
}

/// Nodes read names without a host as Docker Hub's, whatever the default is here.
fn variables(installation: &Installation) -> Vec<Value> {
    let hub = RegistryHost::docker_hub();
    let mut variables = cel::reading(installation, cel::Listing::Named, &hub);
    let refused = format!(
        "variables.read\n  .filter(i, !({}\n    && ({})))\n  .map(i, i.image)",
        cel::is_well_formed(),
        permitted(installation),
    );
    variables.push(cel::variable("refused", refused));
    variables
}

fn permitted(installation: &Installation) -> String {
    let gateway = literal::list(cel::spellings(&installation.gateway));
    let paths = literal::list(installation.upstreams.iter().map(|route| &route.path));
    let rewritten =
        format!("i.host in {gateway} && i.rest.contains('/') && i.rest.split('/')[0] in {paths}");
    match installation.nodes {
        NodeNames::RewriteOnly => rewritten,
        NodeNames::Mirror => {
            let upstreams = installation.upstreams.iter();
            let hosts = literal::list(upstreams.flat_map(|route| cel::spellings(&route.host)));
            format!("i.host in {hosts}\n      || {rewritten}")
        }
    }
}

/// The message where the image cannot be named, as one with a line end in it.
fn message(installation: &Installation) -> String {
    format!(
        "sekisho: registry-not-permitted: an image is not named well, or not from here; {}",
        next_step(installation)
    )
}

fn message_expression(installation: &Installation) -> String {
    let next = literal::text(&format!("; {}", next_step(installation)));
    format!("'sekisho: registry-not-permitted: ' + variables.refused.join(', ') + {next}")
}

fn next_step(installation: &Installation) -> String {
    let upstreams = installation.upstreams.iter();
    let paths: Vec<&str> = upstreams.map(|route| route.path.as_str()).collect();
    format!(
        "use {}/UPSTREAM/NAME with one of: {}",
        installation.gateway,
        paths.join(", ")
    )
}
