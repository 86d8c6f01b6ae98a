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
    /// It is not known where this kind has its images, and in some of its objects none
    /// was found.
    pub not_understood: bool,
}

/// All kinds that were met.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen(BTreeMap<(String, String), KindSeen>);

impl Seen {
    /// Notes one object with so many images; `known` says whether its kind is.
    pub(super) fn note(&mut self, api_version: &str, kind: &str, images: usize, known: bool) {
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
            });
        entry.objects += 1;
        entry.images += images;
        entry.not_understood |= images == 0 && !known;
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &KindSeen> {
        self.0.values()
    }
}
