//! Severity of a vulnerability, one scale for all scanners.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::oci::printable;

/// How bad a finding is, in rising order. What a scanner could not rate has no
/// severity (`None` where one is optional) and is rated by policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Negligible,
    Low,
    Medium,
    High,
    Critical,
}

/// A severity word that no scanner is known to use. Never read as the lowest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown severity {0:?}; known are negligible, low, medium, high, critical")]
pub struct UnknownSeverity(pub String);

impl Severity {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Negligible => "negligible",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl Severity {
    /// Trivy's upper-case words. `UNKNOWN`, and none, is no rating.
    pub(super) fn from_trivy(word: &str) -> Result<Option<Self>, UnknownSeverity> {
        match word {
            "CRITICAL" => Ok(Some(Self::Critical)),
            "HIGH" => Ok(Some(Self::High)),
            "MEDIUM" => Ok(Some(Self::Medium)),
            "LOW" => Ok(Some(Self::Low)),
            "UNKNOWN" | "" => Ok(None),
            other => Err(UnknownSeverity(printable(other, 32))),
        }
    }

    /// Grype's capitalised words. `Unknown`, and none, is no rating; `Negligible`
    /// is one.
    pub(super) fn from_grype(word: &str) -> Result<Option<Self>, UnknownSeverity> {
        match word {
            "Critical" => Ok(Some(Self::Critical)),
            "High" => Ok(Some(Self::High)),
            "Medium" => Ok(Some(Self::Medium)),
            "Low" => Ok(Some(Self::Low)),
            "Negligible" => Ok(Some(Self::Negligible)),
            "Unknown" | "" => Ok(None),
            other => Err(UnknownSeverity(printable(other, 32))),
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Severity {
    type Err = UnknownSeverity;

    /// Reads the lower-case words of policy files.
    fn from_str(text: &str) -> Result<Self, UnknownSeverity> {
        match text {
            "negligible" => Ok(Self::Negligible),
            "low" => Ok(Self::Low),
            "medium" => Ok(Self::Medium),
            "high" => Ok(Self::High),
            "critical" => Ok(Self::Critical),
            _ => Err(UnknownSeverity(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_words_of_each_scanner() {
        assert_eq!(Severity::from_trivy("HIGH"), Ok(Some(Severity::High)));
        assert_eq!(Severity::from_trivy("UNKNOWN"), Ok(None));
        assert_eq!(
            Severity::from_grype("Negligible"),
            Ok(Some(Severity::Negligible))
        );
        assert_eq!(Severity::from_grype("Unknown"), Ok(None));
        assert_eq!(Severity::from_grype(""), Ok(None));
    }

    #[test]
    fn refuses_an_unknown_word_rather_than_take_it_for_the_lowest() {
        for word in ["High", "NEGLIGIBLE", "SEVERE", "critical", " HIGH"] {
            assert!(Severity::from_trivy(word).is_err(), "{word}");
        }
        for word in ["HIGH", "Info", "none", "high"] {
            assert!(Severity::from_grype(word).is_err(), "{word}");
        }
    }
}
