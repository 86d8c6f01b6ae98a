//! What a snapshot says beside its digests.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What an agent does with what its snapshot denies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AgentMode {
    /// Lets start, and tells what would have been refused.
    #[default]
    Audit,
    /// Refuses what is denied, and lets start what it does not know.
    Enforce,
    /// Refuses what is not known as permitted, too.
    Strict,
}

impl AgentMode {
    pub const ALL: [Self; 3] = [Self::Audit, Self::Enforce, Self::Strict];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Audit => "audit",
            Self::Enforce => "enforce",
            Self::Strict => "strict",
        }
    }
}

/// What an agent does with what runs already when it becomes denied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnRevoked {
    /// Tells.
    #[default]
    Report,
    /// Has the runtime stop it.
    Evict,
}

impl OnRevoked {
    pub const ALL: [Self; 2] = [Self::Report, Self::Evict];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Report => "report",
            Self::Evict => "evict",
        }
    }
}

impl fmt::Display for AgentMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Display for OnRevoked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for AgentMode {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut all = Self::ALL.into_iter();
        all.find(|it| it.as_str() == text).ok_or(())
    }
}

impl FromStr for OnRevoked {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut all = Self::ALL.into_iter();
        all.find(|it| it.as_str() == text).ok_or(())
    }
}

/// Whose snapshot it is, of when, and what follows from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotTerms {
    pub environment: String,
    /// The ledger's number of the newest change that it contains: the same at each replica.
    pub sequence: u64,
    pub issued_at: Timestamp,
    /// From then on it is known to be old. What it denies stays denied.
    pub valid_until: Timestamp,
    /// In `strict`, nothing is refused for being unknown once the snapshot was issued longer
    /// ago than this.
    pub max_silence_seconds: u64,
    pub mode: AgentMode,
    pub on_revoked: OnRevoked,
}
