//! The keys at the top of a document: what tells formats apart, whatever their
//! values are (Go writes an empty list as `null`).

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;

/// The keys of an object.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct Keys(BTreeMap<String, IgnoredAny>);

impl Keys {
    /// The keys of `document`, if it is an object.
    pub(super) fn of(document: &str) -> Option<Self> {
        serde_json::from_str(document).ok()
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    pub(super) fn has_all(&self, keys: &[&str]) -> bool {
        keys.iter().all(|key| self.has(key))
    }
}

/// Whether a document that is known to be strict JSON is a list.
pub(super) fn is_list(document: &str) -> bool {
    document.trim_start().starts_with('[')
}
