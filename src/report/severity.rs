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
#[error("unknown severity {found:?}; known are {known}")]
pub struct UnknownSeverity {
    pub found: String,
    /// The words of the scale on which it was looked for, from the lowest.
    pub known: String,
}

impl UnknownSeverity {
    fn new(found: &str, known: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let known: Vec<_> = known.into_iter().map(|it| it.as_ref().to_owned()).collect();
        Self {
            found: printable(found, 32),
            known: known.join(", "),
        }
    }
}

impl Severity {
    /// In rising order.
    const ALL: [Self; 5] = [
        Self::Negligible,
        Self::Low,
        Self::Medium,
        Self::High,
        Self::Critical,
    ];

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
    /// Trivy's upper-case words. `UNKNOWN` is no rating.
    pub(super) fn from_trivy(word: &str) -> Result<Option<Self>, UnknownSeverity> {
        let words = ["CRITICAL", "HIGH", "MEDIUM", "LOW"];
        Self::on(&words, &[], "UNKNOWN", word)
    }

    /// Grype's capitalised words, which are those of Harbor's scanner adapters too.
    /// `Unknown` is no rating; `Negligible` is one.
    pub(super) fn from_grype(word: &str) -> Result<Option<Self>, UnknownSeverity> {
        let words = ["Critical", "High", "Medium", "Low"];
        Self::on(&words, &["Negligible"], "Unknown", word)
    }

    /// Aqua's lower-case words. `unknown` is no rating, and nor is none.
    pub(super) fn from_aqua(word: &str) -> Result<Option<Self>, UnknownSeverity> {
        if word.is_empty() {
            return Ok(None);
        }
        let words = ["critical", "high", "medium", "low"];
        Self::on(&words, &["negligible"], "unknown", word)
    }

    /// GitLab's capitalised words. `Unknown` is no rating; `Info` is the lowest one.
    pub(super) fn from_gitlab(word: &str) -> Result<Option<Self>, UnknownSeverity> {
        let words = ["Critical", "High", "Medium", "Low"];
        Self::on(&words, &["Info"], "Unknown", word)
    }

    /// CycloneDX's lower-case words. `unknown` is no rating, and nor is none; `none` and
    /// `info` are the lowest one.
    pub(super) fn from_cyclonedx(word: &str) -> Result<Option<Self>, UnknownSeverity> {
        if word.is_empty() {
            return Ok(None);
        }
        let words = ["critical", "high", "medium", "low"];
        Self::on(&words, &["info", "none"], "unknown", word)
    }

    /// AWS's upper-case words, of ECR and of Inspector. `UNDEFINED` and `UNTRIAGED` are no
    /// rating; `INFORMATIONAL` is the lowest one.
    pub(super) fn from_aws(word: &str) -> Result<Option<Self>, UnknownSeverity> {
        let words = ["CRITICAL", "HIGH", "MEDIUM", "LOW"];
        match word {
            "UNTRIAGED" => Ok(None),
            word => Self::on(&words, &["INFORMATIONAL"], "UNDEFINED", word),
        }
    }

    /// Reads `word` on the scale of one scanner: its four words from the gravest
    /// down, those for what is less than low, and the one for no rating. Any other is
    /// an error, and so is none at all: a rating that was lost is not one that was
    /// never given.
    fn on(
        words: &[&str; 4],
        lowest: &[&str],
        unrated: &str,
        word: &str,
    ) -> Result<Option<Self>, UnknownSeverity> {
        let severities = [Self::Critical, Self::High, Self::Medium, Self::Low];
        let rated = words
            .iter()
            .zip(severities)
            .find(|(known, _)| **known == word);
        match rated {
            Some((_, severity)) => Ok(Some(severity)),
            None if lowest.contains(&word) => Ok(Some(Self::Negligible)),
            None if word == unrated => Ok(None),
            None => {
                let rising = lowest.iter().chain(words.iter().rev());
                Err(UnknownSeverity::new(
                    word,
                    [&unrated].into_iter().chain(rising),
                ))
            }
        }
    }

    /// Words of whichever scanner, in any case: in-toto names no scale.
    pub(super) fn from_any_case(word: &str) -> Result<Option<Self>, UnknownSeverity> {
        match &*word.to_ascii_lowercase() {
            "moderate" => Ok(Some(Self::Medium)),
            "important" => Ok(Some(Self::High)),
            "negligible" | "unimportant" => Ok(Some(Self::Negligible)),
            lower => Self::from_cyclonedx(lower),
        }
    }

    /// The bands of CVSS 3 and 4, from 0 to 10. Zero rates nothing.
    pub(super) fn from_score(score: f64) -> Option<Self> {
        match score {
            score if score >= 9.0 => Some(Self::Critical),
            score if score >= 7.0 => Some(Self::High),
            score if score >= 4.0 => Some(Self::Medium),
            score if score > 0.0 => Some(Self::Low),
            _ => None,
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
            _ => Err(UnknownSeverity::new(text, Self::ALL.map(Self::as_str))),
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
        assert_eq!(
            Severity::from_aqua("negligible"),
            Ok(Some(Severity::Negligible))
        );
        assert_eq!(
            Severity::from_gitlab("Info"),
            Ok(Some(Severity::Negligible))
        );
        assert_eq!(Severity::from_grype("High"), Ok(Some(Severity::High)));
    }

    #[test]
    fn what_is_not_known_is_told_beside_the_words_of_its_own_scale() {
        let told = |error: UnknownSeverity| error.to_string();
        assert_eq!(
            told(Severity::from_trivy("critical").unwrap_err()),
            "unknown severity \"critical\"; known are UNKNOWN, LOW, MEDIUM, HIGH, CRITICAL"
        );
        let known = told(Severity::from_grype("high").unwrap_err());
        assert!(known.ends_with("Unknown, Negligible, Low, Medium, High, Critical"));
        let known = told(Severity::from_gitlab("high").unwrap_err());
        assert!(known.ends_with("Unknown, Info, Low, Medium, High, Critical"));
        let known = told("HIGH".parse::<Severity>().unwrap_err());
        assert!(known.ends_with("known are negligible, low, medium, high, critical"));
    }

    #[test]
    fn reads_scores_by_the_bands_of_cvss() {
        let banded = [0.0, 0.1, 3.9, 4.0, 6.9, 7.0, 8.9, 9.0, 10.0].map(Severity::from_score);
        let [low, medium, high, critical] = [
            Some(Severity::Low),
            Some(Severity::Medium),
            Some(Severity::High),
            Some(Severity::Critical),
        ];
        assert_eq!(
            banded,
            [
                None, low, low, medium, medium, high, high, critical, critical
            ]
        );
    }

    #[test]
    fn refuses_an_unknown_word_rather_than_take_it_for_the_lowest() {
        for word in ["High", "NEGLIGIBLE", "SEVERE", "critical", " HIGH", ""] {
            assert!(Severity::from_trivy(word).is_err(), "{word}");
        }
        for word in ["HIGH", "Info", "none", "high", ""] {
            assert!(Severity::from_grype(word).is_err(), "{word}");
        }
        for word in ["High", "unimportant", "important", "none"] {
            assert!(Severity::from_aqua(word).is_err(), "{word}");
        }
        for word in ["high", "Negligible", "None", "Undefined", ""] {
            assert!(Severity::from_gitlab(word).is_err(), "{word}");
        }
    }
}
