//! What people are told of.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What a message is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoticeKind {
    /// An image was denied in an environment, for the first time in 30 days.
    FirstDenial,
    /// A running image would be denied now.
    TurnedBad,
    /// The same, since somebody revoked it.
    RevokedRunning,
    /// Break-glass was granted, or another mode set.
    Override,
    /// What will be denied tomorrow.
    Forecast,
    /// A sample that somebody asked for; it goes to every target, so none asks for it.
    #[serde(skip_deserializing)]
    Test,
}

impl NoticeKind {
    /// Those that are told by themselves.
    pub const ALL: [Self; 5] = [
        Self::FirstDenial,
        Self::TurnedBad,
        Self::RevokedRunning,
        Self::Override,
        Self::Forecast,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FirstDenial => "first-denial",
            Self::TurnedBad => "turned-bad",
            Self::RevokedRunning => "revoked-running",
            Self::Override => "override",
            Self::Forecast => "forecast",
            Self::Test => "test",
        }
    }

    pub(super) fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// One thing that is told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeSample {
    pub time: Timestamp,
    /// The image, or what else it is about.
    pub what: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// The code of the reason, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    pub detail: String,
    pub next_step: String,
    /// Below the public address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

/// Something that is to be told, in the environment where it happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Notice {
    pub(super) kind: NoticeKind,
    /// Empty: of none.
    pub(super) environment: String,
    pub(super) sample: NoticeSample,
    /// It is told once under this name, for a while.
    pub(super) once: Option<String>,
}
