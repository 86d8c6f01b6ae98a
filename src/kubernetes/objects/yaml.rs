//! Renders objects as YAML, with comments.

use serde_json::{Value, json};

use super::InstallationError;

/// One YAML document per object, in the order given, with a comment where one helps.
/// `preface` stands above all.
///
/// # Errors
/// [`InstallationError`] where an object cannot be written.
pub fn to_yaml(preface: &str, objects: &[Value]) -> Result<String, InstallationError> {
    let mut text = comment(preface);
    for object in objects {
        let yaml = serde_saphyr::to_string(object)
            .map_err(|error| InstallationError::Yaml(error.to_string()))?;
        let remark = remark(object).unwrap_or_default();
        text.push_str("---\n");
        text.push_str(&comment(remark));
        text.push_str(&yaml);
    }
    Ok(text)
}

/// All objects as one, for programs.
pub fn list(objects: Vec<Value>) -> Value {
    json!({ "apiVersion": "v1", "kind": "List", "items": objects })
}

fn comment(text: &str) -> String {
    text.lines()
        .map(|line| format!("# {line}").trim_end().to_owned() + "\n")
        .collect()
}

fn remark(object: &Value) -> Option<&'static str> {
    match object["kind"].as_str()? {
        "ConfigMap" if object["data"]["sekisho.toml"].is_string() => Some(
            "The configuration as it was read. Files that it names come from the ConfigMaps\n\
             sekisho-exceptions and sekisho-advisories and from the Secret sekisho-secrets, as\n\
             exceptions/…, advisories/… and secrets/… beside it; each of them may be absent.",
        ),
        "Deployment" if object["spec"]["strategy"]["type"] == "RollingUpdate" => Some(
            "Every replica answers every request. A new Pod answers before an old one ends, which\n\
             goes on for ten seconds until its endpoints are removed everywhere.",
        ),
        "Deployment" => Some(
            "One replica, and never two at once: the ledger is an SQLite file. While it restarts,\n\
             Pods are still rewritten and checked by the policies, and nodes try again to pull.",
        ),
        "DaemonSet" => Some(
            "On each node: what was revoked does not start there, though it was pulled long ago. It\n\
             reaches the runtime's sockets, so it is as mighty as the runtime; its own rights are few.\n\
             It waits for the Secret sekisho-node, whose token is of role node.",
        ),
        "PodDisruptionBudget" => {
            Some("Not minAvailable: with one replica that would hold up every drain of its node.")
        }
        "MutatingWebhookConfiguration" => Some(
            "Apply it when the webhook answers. failurePolicy Ignore: while it does not, Pods\n\
             keep their names.",
        ),
        "ValidatingAdmissionPolicy" => Some(
            "Held by the API server itself. Names that do not lead to the gateway are denied from\n\
             the moment the binding below is applied; validationActions: [Warn, Audit] in it only tells.",
        ),
        "MutatingAdmissionPolicy" => {
            Some("The webhook's rewriting, done by the API server itself.")
        }
        _ => None,
    }
}
