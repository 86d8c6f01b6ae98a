//! Where files of exceptions and advisories lie, and what reading one depends on.

use std::collections::BTreeSet;
use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};

use super::moment;
use super::quantity::Period;
use super::section::Section;
use crate::oci::RegistryHost;

/// The keys that belong here.
pub(super) const KEYS: [&str; 3] = ["exceptions_dir", "advisories_dir", "exception_horizon"];

/// How far away an exception may end.
const HORIZON: Period = Period::seconds(180 * 86_400);

/// Where people write, and what bounds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Places {
    pub(super) exceptions: Option<PathBuf>,
    pub(super) advisories: Option<PathBuf>,
    pub(super) horizon: Period,
    /// The names of upstreams.
    pub(super) hosts: BTreeSet<RegistryHost>,
}

/// Reads the keys of the configuration file.
pub(super) fn places(root: &mut Section<'_, '_>, hosts: BTreeSet<RegistryHost>) -> Places {
    let exceptions = root.path("exceptions_dir");
    let advisories = root.path("advisories_dir");
    let horizon = root.read("exception_horizon").unwrap_or(HORIZON);
    if horizon.is_zero() {
        let text = "is nothing: no exception would be taken; write 180d";
        root.problem("exception_horizon", text);
    }
    Places {
        exceptions,
        advisories,
        horizon,
        hosts,
    }
}

/// What reading a file of theirs depends on besides its content.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context<'a> {
    pub(super) places: &'a Places,
    pub(super) now: Timestamp,
}

impl Context<'_> {
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
