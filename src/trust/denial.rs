//! Why an image is denied: the exhaustive list, with stable codes.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A stable word for one reason. It stands in messages, metrics and records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DenialReason {
    /// Said first: a pull that lists leave out goes no further.
    RegistryNotPermitted,
    Revoked,
    ManifestRefused,
    AmbiguousReference,
    UnknownUpstream,
    NotInAdmittedImage,
    PlatformNotAllowed,
    Unauthenticated,
    Malware,
    Secrets,
    BlockedByAdvisory,
    TooSevere,
    NotScanned,
    PlatformNotScanned,
    ScanIncomplete,
    ScanStale,
    NotPromoted,
    UntrustedBase,
    TooNew,
    Undecidable,
}

/// What kind of reason it is, and so what may lift it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReasonClass {
    /// Evidence is missing.
    Evidence,
    /// Evidence speaks against it.
    Harm,
    /// Trust was taken back.
    Withdrawn,
    /// It cannot be judged safely, or lies outside of what is served.
    Structural,
    /// We cannot decide now.
    OwnFailure,
}

impl DenialReason {
    pub const ALL: [Self; 20] = [
        Self::RegistryNotPermitted,
        Self::Revoked,
        Self::ManifestRefused,
        Self::AmbiguousReference,
        Self::UnknownUpstream,
        Self::NotInAdmittedImage,
        Self::PlatformNotAllowed,
        Self::Unauthenticated,
        Self::Malware,
        Self::Secrets,
        Self::BlockedByAdvisory,
        Self::TooSevere,
        Self::NotScanned,
        Self::PlatformNotScanned,
        Self::ScanIncomplete,
        Self::ScanStale,
        Self::NotPromoted,
        Self::UntrustedBase,
        Self::TooNew,
        Self::Undecidable,
    ];

    /// The stable word.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Revoked => "revoked",
            Self::ManifestRefused => "manifest-refused",
            Self::AmbiguousReference => "ambiguous-reference",
            Self::UnknownUpstream => "unknown-upstream",
            Self::RegistryNotPermitted => "registry-not-permitted",
            Self::NotInAdmittedImage => "not-in-admitted-image",
            Self::PlatformNotAllowed => "platform-not-allowed",
            Self::Unauthenticated => "unauthenticated",
            Self::Malware => "malware",
            Self::Secrets => "secrets",
            Self::BlockedByAdvisory => "blocked-by-advisory",
            Self::TooSevere => "too-severe",
            Self::NotScanned => "not-scanned",
            Self::PlatformNotScanned => "platform-not-scanned",
            Self::ScanIncomplete => "scan-incomplete",
            Self::ScanStale => "scan-stale",
            Self::NotPromoted => "not-promoted",
            Self::UntrustedBase => "untrusted-base",
            Self::TooNew => "too-new",
            Self::Undecidable => "undecidable",
        }
    }

    /// The table of what lifts what.
    pub const fn class(self) -> ReasonClass {
        match self {
            Self::NotScanned
            | Self::PlatformNotScanned
            | Self::ScanIncomplete
            | Self::ScanStale
            | Self::NotPromoted
            | Self::UntrustedBase
            | Self::TooNew => ReasonClass::Evidence,
            Self::Malware | Self::Secrets | Self::BlockedByAdvisory | Self::TooSevere => {
                ReasonClass::Harm
            }
            Self::Revoked => ReasonClass::Withdrawn,
            Self::ManifestRefused
            | Self::AmbiguousReference
            | Self::UnknownUpstream
            | Self::RegistryNotPermitted
            | Self::NotInAdmittedImage
            | Self::PlatformNotAllowed
            | Self::Unauthenticated => ReasonClass::Structural,
            Self::Undecidable => ReasonClass::OwnFailure,
        }
    }

    /// Parses a stable word.
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.code() == code)
    }
}

impl ReasonClass {
    /// Whether modes `audit` and `warn` let it pass.
    pub const fn lifted_by_mode(self) -> bool {
        match self {
            Self::Evidence | Self::Harm | Self::OwnFailure => true,
            Self::Withdrawn | Self::Structural => false,
        }
    }
}

/// What a break-glass override lifts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum BreakGlassReach {
    /// Missing evidence, and evidence that speaks against the image.
    Evidence,
    /// The same, and a revocation.
    Revocations,
}

impl BreakGlassReach {
    pub const fn lifts(self, class: ReasonClass) -> bool {
        match (class, self) {
            (ReasonClass::Evidence | ReasonClass::Harm, _)
            | (ReasonClass::Withdrawn, Self::Revocations) => true,
            (ReasonClass::Withdrawn, Self::Evidence) => false,
            (ReasonClass::Structural | ReasonClass::OwnFailure, _) => false,
        }
    }
}

impl fmt::Display for DenialReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}

/// One reason, with what a person needs to know of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Denial {
    pub reason: DenialReason,
    /// What was found, in a few words. May hold text from outside: printed only
    /// through [`crate::oci::printable`].
    pub detail: String,
    /// What to do about it.
    pub next_step: String,
}

impl Denial {
    pub fn new(reason: DenialReason, detail: impl Into<String>, next: impl Into<String>) -> Self {
        Self {
            reason,
            detail: detail.into(),
            next_step: next.into(),
        }
    }

    /// We cannot decide now, which is no word against the image; `why` in a few words.
    pub fn undecidable(why: &str) -> Self {
        Self::new(
            DenialReason::Undecidable,
            format!("not a policy denial: {why}"),
            "retried automatically",
        )
    }
}
