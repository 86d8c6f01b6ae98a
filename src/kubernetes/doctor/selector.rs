//! Label selectors, as the API server evaluates them.

use serde_json::{Map, Value, json};

use super::snapshot::{list, name_of, text};

/// Set by the API server on every namespace.
pub(super) const NAMESPACE_NAME_LABEL: &str = "kubernetes.io/metadata.name";

/// Whether a selector takes an object with these labels. None and an empty one take
/// everything; an operator that is not known takes it too.
pub(super) fn selects(selector: &Value, labels: &Map<String, Value>) -> bool {
    let wanted = selector.get("matchLabels").and_then(Value::as_object);
    let has_all = wanted
        .into_iter()
        .flatten()
        .all(|(key, value)| labels.get(key) == Some(value));
    let expressions = list(selector, "/matchExpressions");
    has_all
        && expressions
            .iter()
            .all(|expression| holds_for(expression, labels))
}

/// Whether it leaves nothing out.
pub(super) fn takes_all(selector: &Value) -> bool {
    let labels = selector.get("matchLabels").and_then(Value::as_object);
    labels.is_none_or(Map::is_empty) && list(selector, "/matchExpressions").is_empty()
}

fn holds_for(expression: &Value, labels: &Map<String, Value>) -> bool {
    let label = labels.get(text(expression, "/key"));
    let values = list(expression, "/values");
    let is_listed = label.is_some_and(|label| values.contains(label));
    match text(expression, "/operator") {
        "In" => is_listed,
        "NotIn" => !is_listed,
        "Exists" => label.is_some(),
        "DoesNotExist" => label.is_none(),
        _ => true,
    }
}

/// The labels of a namespace; of one that is not there, those that it would get.
pub(super) fn labels_of_namespace(namespaces: &[Value], name: &str) -> Map<String, Value> {
    let found = namespaces
        .iter()
        .find(|namespace| name_of(namespace) == name);
    let mut labels = found.map(labels_of).unwrap_or_default();
    labels.insert(NAMESPACE_NAME_LABEL.to_owned(), json!(name));
    labels
}

pub(super) fn labels_of(object: &Value) -> Map<String, Value> {
    let labels = object.pointer("/metadata/labels");
    labels
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default()
}
