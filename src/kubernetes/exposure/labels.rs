//! Labels, kept small: a cluster has many Pods, and each has a handful.

use std::collections::BTreeMap;

/// Labels by key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels(Box<[(Box<str>, Box<str>)]>);

impl Labels {
    /// Whether every one of these is among `others` with the same value.
    pub(super) fn are_among(&self, others: &Self) -> bool {
        let mut pairs = self.0.iter();
        pairs.all(|(key, value)| others.get(key) == Some(&**value))
    }

    fn get(&self, key: &str) -> Option<&str> {
        let found = self.0.binary_search_by(|(other, _)| (**other).cmp(key));
        found.ok().map(|at| &*self.0[at].1)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<BTreeMap<String, String>> for Labels {
    /// In the order of their keys, so that they can be searched.
    fn from(labels: BTreeMap<String, String>) -> Self {
        let pairs = labels.into_iter();
        Self(
            pairs
                .map(|(key, value)| (key.into(), value.into()))
                .collect(),
        )
    }
}
