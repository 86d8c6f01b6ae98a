//! The webhook configurations: endpoints, scope, and failure policy.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::metadata::metadata;
use super::{Endpoint, FailurePolicy, Installation, scope};
use crate::kubernetes::names::{
    MUTATE_PODS, SERVICE_NAME, VALIDATE_PODS, VALIDATE_TEMPLATES, configuration_name,
};

/// Several silent webhooks add up to the request's own deadline, so each waits
/// only briefly.
const TIMEOUT_SECONDS: u32 = 2;

/// Both configurations, ready to be created or put in place of what is there: the
/// mutating one, then the validating one.
///
/// They are safe to apply once the endpoint answers under `ca_bundle`. Before that
/// nothing is lost either: mutation is skipped, and validation follows
/// `failure_policy`.
pub fn webhook_configurations(installation: &Installation) -> Vec<Value> {
    vec![
        configuration(
            installation,
            "MutatingWebhookConfiguration",
            json!([mutate_pods(installation)]),
        ),
        configuration(
            installation,
            "ValidatingWebhookConfiguration",
            json!([
                validate_pods(installation),
                validate_templates(installation)
            ]),
        ),
    ]
}

fn configuration(installation: &Installation, kind: &str, webhooks: Value) -> Value {
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": kind,
        "metadata": metadata(&configuration_name(&installation.cluster)),
        "webhooks": webhooks,
    })
}

/// Never in the way: a Pod that is not rewritten keeps its names, and nodes ask the
/// gateway for them or fail to pull.
fn mutate_pods(installation: &Installation) -> Value {
    json!({
        "name": MUTATE_PODS,
        "clientConfig": client(installation, "mutate"),
        "rules": scope::pods(),
        "matchPolicy": "Equivalent",
        "namespaceSelector": scope::namespaces(installation),
        "matchConditions": scope::pod_conditions(installation),
        "failurePolicy": FailurePolicy::Ignore.as_str(),
        "timeoutSeconds": TIMEOUT_SECONDS,
        "sideEffects": "None",
        // Containers that another webhook adds afterwards are rewritten, too.
        "reinvocationPolicy": "IfNeeded",
        "admissionReviewVersions": ["v1"],
    })
}

fn validate_pods(installation: &Installation) -> Value {
    json!({
        "name": VALIDATE_PODS,
        "clientConfig": client(installation, "validate"),
        "rules": scope::pods(),
        "matchPolicy": "Equivalent",
        "namespaceSelector": scope::namespaces(installation),
        "matchConditions": scope::pod_conditions(installation),
        "failurePolicy": installation.failure_policy.as_str(),
        "timeoutSeconds": TIMEOUT_SECONDS,
        // Decisions are recorded, except of dry runs.
        "sideEffects": "NoneOnDryRun",
        "admissionReviewVersions": ["v1"],
    })
}

/// Early warnings alone, so it never stops anything.
fn validate_templates(installation: &Installation) -> Value {
    json!({
        "name": VALIDATE_TEMPLATES,
        "clientConfig": client(installation, "validate"),
        "rules": scope::templates(),
        "matchPolicy": "Equivalent",
        "namespaceSelector": scope::namespaces(installation),
        "matchConditions": [scope::namespace_condition(installation)],
        "failurePolicy": FailurePolicy::Ignore.as_str(),
        "timeoutSeconds": TIMEOUT_SECONDS,
        "sideEffects": "NoneOnDryRun",
        "admissionReviewVersions": ["v1"],
    })
}

fn client(installation: &Installation, door: &str) -> Value {
    let path = format!("/clusters/{}/{door}", installation.cluster);
    let mut client = match &installation.endpoint {
        Endpoint::Url(url) => json!({ "url": format!("{url}{path}") }),
        Endpoint::Service => json!({ "service": {
            "namespace": installation.namespace,
            "name": SERVICE_NAME,
            "path": path,
            "port": 443,
        }}),
    };
    if let Some(pem) = &installation.ca_bundle {
        client["caBundle"] = json!(STANDARD.encode(pem));
    }
    client
}
