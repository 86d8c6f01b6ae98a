//! What made a Pod.

use serde::Deserialize;
use serde_json::Value;

/// The controller of an object, as its owner reference names it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Owner {
    pub api_version: String,
    pub kind: String,
    pub name: String,
    pub uid: String,
}

impl Owner {
    /// The controller of a Pod, read from the raw object. None for a Pod that
    /// somebody made by hand.
    pub fn of(pod: &Value) -> Option<Self> {
        let references = pod.pointer("/metadata/ownerReferences")?.as_array()?;
        let controls = |it: &&Value| it.get("controller").and_then(Value::as_bool) == Some(true);
        Self::deserialize(references.iter().find(controls)?).ok()
    }
}
