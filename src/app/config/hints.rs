//! Words of hints.

use std::collections::BTreeSet;

/// Names, for a hint.
pub(super) fn joined<T: ToString>(names: &BTreeSet<T>) -> String {
    let names: Vec<String> = names.iter().map(T::to_string).collect();
    match names.is_empty() {
        true => "none, since none is configured".to_owned(),
        false => names.join(", "),
    }
}
