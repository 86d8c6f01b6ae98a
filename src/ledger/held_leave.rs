//! Leave in memory.

use dashmap::DashMap;

use crate::oci::Digest;
use crate::trust::{BreakGlass, EnvironmentName, TimedMode};

/// What was given and not withdrawn; what has run out too, since memory has no
/// clock.
#[derive(Default)]
pub(super) struct Leave {
    pub grants: DashMap<Digest, Vec<BreakGlass>>,
    /// The last one that was set.
    pub modes: DashMap<EnvironmentName, TimedMode>,
}

impl Leave {
    pub fn set_grants(&self, digest: &Digest, granted: Vec<BreakGlass>) {
        if granted.is_empty() {
            self.grants.remove(digest);
        } else {
            self.grants.insert(digest.clone(), granted);
        }
    }

    pub fn set_mode(&self, environment: &EnvironmentName, last: Option<TimedMode>) {
        match last {
            Some(mode) => drop(self.modes.insert(environment.clone(), mode)),
            None => drop(self.modes.remove(environment)),
        }
    }

    pub fn granted(&self, digest: &Digest) -> Vec<BreakGlass> {
        let granted = self.grants.get(digest);
        granted.map(|it| it.clone()).unwrap_or_default()
    }

    pub fn mode(&self, environment: &EnvironmentName) -> Option<TimedMode> {
        self.modes.get(environment).map(|it| it.clone())
    }
}
