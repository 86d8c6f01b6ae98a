//! For whom content is kept: the environment that pulled it, and whether it was admitted
//! there or only passed.
//!
//! It stands in an extended attribute of the file, so that a restart knows it. A file
//! without one, of an earlier program or on a file system that has none, counts as
//! admitted in no environment until it is pulled again.

use std::fs::File;
use std::path::Path;

use jiff::Timestamp;
use rustix::fs::{XattrFlags, fsetxattr, getxattr};

use crate::trust::EnvironmentName;

const ATTRIBUTE: &str = "user.sekisho.holder";
/// A standing, a space, and a name of 63 bytes at most.
const MAX_ATTRIBUTE_BYTES: usize = 80;

/// On what ground content was served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HeldAs {
    /// `audit` or `warn` let pass what would have been denied.
    Passed,
    /// Its image has what the environment demands.
    Admitted,
}

/// For whom content is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    pub environment: EnvironmentName,
    pub held_as: HeldAs,
}

/// One use of content: for whom, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentUse {
    pub holder: Holder,
    pub now: Timestamp,
}

impl ContentUse {
    /// A use in an environment, whose mode alone let it pass or not, at `now`.
    pub fn of(environment: EnvironmentName, by_mode: bool, now: Timestamp) -> Self {
        let held_as = match by_mode {
            true => HeldAs::Passed,
            false => HeldAs::Admitted,
        };
        let holder = Holder {
            environment,
            held_as,
        };
        Self { holder, now }
    }
}

impl Holder {
    /// Whether `self` takes content over from `held`: only from nobody, or where it was
    /// only passed before. So nobody else's pulls count against an environment.
    pub(super) fn takes_over(&self, held: Option<&Self>) -> bool {
        held.is_none_or(|held| held.held_as < self.held_as)
    }

    /// Writes it to the file. Best effort: some file systems have no attributes.
    pub(super) fn save(&self, file: &File) {
        let held_as = match self.held_as {
            HeldAs::Passed => "passed",
            HeldAs::Admitted => "admitted",
        };
        let text = format!("{held_as} {}", self.environment);
        let _unsupported = fsetxattr(file, ATTRIBUTE, text.as_bytes(), XattrFlags::empty());
    }

    /// As the file at `path` says; `None` where it says nothing that can be read.
    pub(super) fn saved(path: &Path) -> Option<Self> {
        let mut buffer = [0_u8; MAX_ATTRIBUTE_BYTES];
        let length = getxattr(path, ATTRIBUTE, &mut buffer[..]).ok()?;
        let text = std::str::from_utf8(buffer.get(..length)?).ok()?;
        let (held_as, environment) = text.split_once(' ')?;
        Some(Self {
            environment: EnvironmentName::parse(environment).ok()?,
            held_as: match held_as {
                "passed" => HeldAs::Passed,
                "admitted" => HeldAs::Admitted,
                _ => return None,
            },
        })
    }
}
