//! Where an object in the API server differs from what is desired.
//!
//! Only what is desired is compared: what the API server fills in, and what others
//! add, stays theirs.

use serde_json::{Map, Value};

/// Where `current` first differs from `desired`, as a JSON pointer with what was
/// found there; None where all that is desired stands.
///
/// Members of a list that have a `name` are found by it, as Kubernetes merges them;
/// other lists must be equal in length and order. An empty or null desire is met by
/// absence.
pub(super) fn first_drift(desired: &Value, current: &Value) -> Option<String> {
    drift_at(String::new(), desired, current)
}

fn drift_at(at: String, desired: &Value, current: &Value) -> Option<String> {
    match (desired, current) {
        (Value::Object(desired), Value::Object(current)) => drift_of_object(&at, desired, current),
        (Value::Array(desired), Value::Array(current)) => drift_of_list(at, desired, current),
        (desired, current) if desired == current || (is_empty(desired) && current.is_null()) => {
            None
        }
        _ => Some(at),
    }
}

fn drift_of_object(
    at: &str,
    desired: &Map<String, Value>,
    current: &Map<String, Value>,
) -> Option<String> {
    desired.iter().find_map(|(key, desired)| {
        let current = current.get(key).unwrap_or(&Value::Null);
        drift_at(format!("{at}/{key}"), desired, current)
    })
}

fn drift_of_list(at: String, desired: &[Value], current: &[Value]) -> Option<String> {
    let are_named = !desired.is_empty() && desired.iter().all(|it| name(it).is_some());
    if !are_named && desired.len() != current.len() {
        return Some(at);
    }
    desired.iter().enumerate().find_map(|(index, desired)| {
        let same = |it: &&Value| name(it) == name(desired);
        let found = match are_named {
            true => current.iter().find(same),
            false => current.get(index),
        };
        let place = format!("{at}/{index}");
        drift_at(place, desired, found.unwrap_or(&Value::Null))
    })
}

fn name(value: &Value) -> Option<&str> {
    value.get("name")?.as_str()
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(list) => list.is_empty(),
        Value::Object(object) => object.values().all(is_empty),
        _ => false,
    }
}
