//! Overrides for some hours, under a ticket (rule 6): break-glass for one image, another
//! mode for an environment. Both end by themselves.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{EnvironmentName, Mode};
use crate::oci::Digest;

/// An image is let through although judgement denies it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreakGlass {
    pub id: i64,
    pub environment: EnvironmentName,
    /// With its closure.
    pub digest: Digest,
    /// The image as it was named; of a grant by an earlier version it is not known.
    pub image: Option<String>,
    pub ticket: String,
    pub reason: String,
    /// Name of the token it was granted with.
    pub granted_by: String,
    pub granted_at: Timestamp,
    pub until: Timestamp,
    /// Lifts a revocation too.
    pub lifts_revocation: bool,
}

impl BreakGlass {
    /// The longest that it can be granted for, in hours.
    pub const MAX_HOURS: u32 = 24;

    pub fn holds(&self, now: Timestamp) -> bool {
        self.granted_at <= now && now < self.until
    }
}

/// An environment is judged in another mode for some hours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimedMode {
    pub id: i64,
    pub environment: EnvironmentName,
    /// In place of what the configuration says, for every repository.
    pub mode: Mode,
    pub ticket: String,
    pub reason: Option<String>,
    pub set_by: String,
    pub set_at: Timestamp,
    pub until: Timestamp,
}

impl TimedMode {
    /// The longest that a mode can be set for, in hours.
    pub const MAX_HOURS: u32 = 7 * 24;

    pub fn holds(&self, now: Timestamp) -> bool {
        self.set_at <= now && now < self.until
    }
}
