//! The kinds that were read, and what was found in them.

use std::collections::BTreeMap;

use serde::Serialize;

/// The most kinds that are counted separately; further ones count as one.
const MAX_KINDS: usize = 1000;
const OTHER_KINDS: &str = "further kinds";

/// What was met of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KindSeen {
    /// As written: `argoproj.io/v1alpha1`; empty where nothing is written.
    pub api_version: String,
    pub kind: String,
    pub objects: usize,
    /// Images found in them.
    pub images: usize,
    /// It is not known where this kind has its images: there may be others than those that
    /// were found.
    pub not_understood: bool,
    /// It stands for objects that are not at hand, as a chart or a repository has them.
    pub renders_elsewhere: bool,
}

/// What one object says of its kind.
#[derive(Clone, Copy)]
pub(super) struct ObjectSeen {
    pub(super) images: usize,
    pub(super) is_known: bool,
    pub(super) renders_elsewhere: bool,
}

/// All kinds that were met.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen(BTreeMap<(String, String), KindSeen>);

impl Seen {
    /// Notes one object.
    pub(super) fn note(&mut self, api_version: &str, kind: &str, object: ObjectSeen) {
        let key = (api_version.to_owned(), kind.to_owned());
        let is_full = self.0.len() >= MAX_KINDS && !self.0.contains_key(&key);
        let key = match is_full {
            true => (String::new(), OTHER_KINDS.to_owned()),
            false => key,
        };
        let entry = self
            .0
            .entry(key)
            .or_insert_with_key(|(api_version, kind)| KindSeen {
                api_version: api_version.clone(),
                kind: kind.clone(),
                objects: 0,
                images: 0,
                not_understood: false,
                renders_elsewhere: false,
            });
        entry.objects += 1;
        entry.images += object.images;
        entry.not_understood |= !object.is_known;
        entry.renders_elsewhere |= object.renders_elsewhere;
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &KindSeen> {
        self.0.values()
    }
}
