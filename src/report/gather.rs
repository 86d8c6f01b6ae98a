//! Walks a JSON list entry by entry, and collects findings under one bound.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, Error, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::error::problem;
use super::{Finding, Package, ReportError, SourcePackage};

/// How many findings a report may list. More is an error, never cut.
pub const MAX_FINDINGS: usize = 200_000;
/// How many packages a report may list.
const MAX_PACKAGES: usize = 200_000;

/// How many aliases all findings of a report may have: many findings may share a long
/// list.
const MAX_ALL_ALIASES: usize = 2_000_000;

/// The findings of one report.
#[derive(Default)]
pub(super) struct Findings {
    listed: Vec<Finding>,
    aliases: usize,
}

impl Findings {
    pub(super) fn push(&mut self, mut finding: Finding) -> Result<(), ReportError> {
        if self.listed.len() == MAX_FINDINGS {
            return Err(ReportError::TooManyFindings(MAX_FINDINGS));
        }
        self.aliases += finding.aliases.len();
        if self.aliases > MAX_ALL_ALIASES {
            return Err(ReportError::TooManyAliases(MAX_ALL_ALIASES));
        }
        let binary = (&*finding.package, &*finding.installed);
        let purl = finding.purl.as_deref();
        finding.source = SourcePackage::beside(finding.source.take(), binary, purl);
        self.listed.push(finding);
        Ok(())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }

    /// In a stable order, identical ones once: scanners repeat a finding for
    /// each path and layer at which a package lies.
    pub(super) fn distinct(mut self) -> Vec<Finding> {
        self.listed.sort_unstable();
        self.listed.dedup();
        self.listed
    }
}

/// The packages of one report.
#[derive(Default)]
pub(super) struct Packages(Vec<Package>);

impl Packages {
    pub(super) fn push(&mut self, mut package: Package) -> Result<(), ReportError> {
        if self.0.len() == MAX_PACKAGES {
            return Err(ReportError::TooManyPackages(MAX_PACKAGES));
        }
        let binary = (&*package.name, &*package.version);
        let purl = package.purl.as_deref();
        package.source = SourcePackage::beside(package.source.take(), binary, purl);
        self.0.push(package);
        Ok(())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// In a stable order, each once, wherever it lies.
    pub(super) fn distinct(mut self) -> Vec<Package> {
        self.0.sort_unstable();
        self.0.dedup();
        self.0
    }
}

/// Hands each entry of `list` to `take`, one at a time. Go writes an empty list
/// as `null` or not at all: both are no entries.
pub(super) fn each<'a, T: Deserialize<'a>>(
    name: &'static str,
    list: Option<&'a RawValue>,
    mut take: impl FnMut(T) -> Result<(), ReportError>,
) -> Result<(), ReportError> {
    let Some(list) = list else { return Ok(()) };
    let mut index = 0;
    let mut failure = None;
    let walk = Walk {
        take: |entry| {
            index += 1;
            take(entry).map_err(|error| failure = Some(error))
        },
        entry: PhantomData,
    };
    let walked = serde_json::Deserializer::from_str(list.get()).deserialize_seq(walk);
    match (failure, walked) {
        (Some(failure), _) => Err(failure),
        (None, Ok(())) => Ok(()),
        (None, Err(error)) => Err(ReportError::Entry {
            list: name,
            index,
            problem: problem(&error),
        }),
    }
}

/// How many entries a list beside the findings may have.
const MAX_ENTRIES: usize = 4096;

/// A list of at most `MAX` entries, kept whole; a longer one is an error.
pub(super) struct Few<T, const MAX: usize = MAX_ENTRIES>(pub(super) Vec<T>);

impl<T, const MAX: usize> Default for Few<T, MAX> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>, const MAX: usize> Deserialize<'de> for Few<T, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut few = Vec::new();
        deserializer.deserialize_seq(Walk {
            take: |entry| match few.len() < MAX {
                true => {
                    few.push(entry);
                    Ok(())
                }
                false => Err(()),
            },
            entry: PhantomData,
        })?;
        Ok(Self(few))
    }
}

struct Walk<T, F> {
    take: F,
    entry: PhantomData<T>,
}

impl<'de, T, F> Visitor<'de> for Walk<T, F>
where
    T: Deserialize<'de>,
    F: FnMut(T) -> Result<(), ()>,
{
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        while let Some(entry) = list.next_element()? {
            (self.take)(entry).map_err(|()| A::Error::custom("a list is too long"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_long_lists_before_it_keeps_them() {
        let list = |length: usize| format!("[{}\"\"]", "\"\",".repeat(length - 1));
        let short: Few<String> = serde_json::from_str(&list(MAX_ENTRIES)).unwrap();
        assert_eq!(short.0.len(), MAX_ENTRIES);
        assert!(serde_json::from_str::<Few<String>>(&list(MAX_ENTRIES + 1)).is_err());
    }

    #[test]
    fn an_absent_list_has_no_entries() {
        let refuse = |_: String| Err(ReportError::TooLarge(0));
        assert_eq!(each("list", None, refuse), Ok(()));
    }
}
