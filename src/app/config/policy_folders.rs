//! The folders of exceptions and advisories, and what reading a file depends on besides
//! its content.

use std::collections::BTreeSet;
use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};

use super::moment;
use super::quantity::Period;
use super::section::Section;
use crate::oci::RegistryHost;

/// The keys that belong here.
pub(super) const POLICY_FOLDER_KEYS: [&str; 3] =
    ["exceptions_dir", "advisories_dir", "exception_horizon"];

/// How far away an exception may end.
const DEFAULT_EXCEPTION_HORIZON: Period = Period::seconds(180 * 86_400);

/// The folders of exceptions and advisories, and the limits of their entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PolicyFolders {
    pub(super) exceptions: Option<PathBuf>,
    pub(super) advisories: Option<PathBuf>,
    pub(super) horizon: Period,
    /// The names of upstreams.
    pub(super) hosts: BTreeSet<RegistryHost>,
}

impl PolicyFolders {
    /// Of a configuration that is not here: it names no limit.
    pub(super) fn unknown() -> Self {
        Self {
            exceptions: None,
            advisories: None,
            horizon: Period::LONGEST,
            hosts: BTreeSet::new(),
        }
    }
}

/// Reads the keys of the configuration file.
pub(super) fn policy_folders(
    root: &mut Section<'_, '_>,
    hosts: BTreeSet<RegistryHost>,
) -> PolicyFolders {
    let exceptions = root.path("exceptions_dir");
    let advisories = root.path("advisories_dir");
    let horizon = root
        .read("exception_horizon")
        .unwrap_or(DEFAULT_EXCEPTION_HORIZON);
    if horizon.is_zero() {
        let text = "is nothing: no exception would be taken; write 180d";
        root.problem("exception_horizon", text);
    }
    PolicyFolders {
        exceptions,
        advisories,
        horizon,
        hosts,
    }
}

/// What reading such a file depends on besides its content.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReadContext<'a> {
    pub(super) places: &'a PolicyFolders,
    pub(super) now: Timestamp,
}

impl ReadContext<'_> {
    /// The last moment at which an exception of today may end: the end of that day.
    pub(super) fn latest_end(&self) -> Timestamp {
        let last = self
            .now
            .checked_add(SignedDuration::from(self.places.horizon));
        last.ok()
            .and_then(moment::end_of_its_day)
            .unwrap_or(Timestamp::MAX)
    }
}
