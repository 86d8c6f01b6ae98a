//! Leave in memory.

use dashmap::DashMap;

use crate::oci::Digest;
use crate::trust::{BreakGlass, EnvironmentName, TimedMode};

/// Overrides that are not withdrawn, expired ones included: time is checked by the
/// caller.
#[derive(Default)]
pub(super) struct Overrides {
    pub break_glass: DashMap<Digest, Vec<BreakGlass>>,
    /// The last one that was set.
    pub modes: DashMap<EnvironmentName, TimedMode>,
}

impl Overrides {
    pub fn set_break_glass(&self, digest: &Digest, granted: Vec<BreakGlass>) {
        if granted.is_empty() {
            self.break_glass.remove(digest);
        } else {
            self.break_glass.insert(digest.clone(), granted);
        }
    }

    pub fn set_mode(&self, environment: &EnvironmentName, last: Option<TimedMode>) {
        match last {
            Some(mode) => drop(self.modes.insert(environment.clone(), mode)),
            None => drop(self.modes.remove(environment)),
        }
    }

    pub fn break_glass(&self, digest: &Digest) -> Vec<BreakGlass> {
        let granted = self.break_glass.get(digest);
        granted.map(|it| it.clone()).unwrap_or_default()
    }

    pub fn mode(&self, environment: &EnvironmentName) -> Option<TimedMode> {
        self.modes.get(environment).map(|it| it.clone())
    }
}
