//! How bad a vulnerability is, as one of several sources rates it: by a word, a score or
//! a CVSS vector.

use serde_json::value::RawValue;

use super::{ReportError, Severity, cvss_vector, error};

/// Whether the number of a rating by this method, or of this source, is no severity: how
/// probable an exploit is (EPSS), that there is one (KEV), what to do about it (SSVC).
pub(super) fn is_no_severity(said: &str) -> bool {
    let said = said.to_ascii_lowercase();
    let mut words = said.split(|it: char| !it.is_ascii_alphanumeric());
    words.any(|word| {
        matches!(word, "kev" | "exploited") || word.starts_with("epss") || word.starts_with("ssvc")
    })
}

/// The severity of a score, or of a vector, or of a number or word in quotes. `None`:
/// there is none, or it rates nothing.
///
/// # Errors
/// What is none of them.
pub(super) fn of_score(
    field: &'static str,
    score: Option<&RawValue>,
) -> Result<Option<Severity>, ReportError> {
    let Some(score) = score else { return Ok(None) };
    if let Ok(number) = serde_json::from_str::<f64>(score.get()) {
        return Ok(Severity::from_score(number));
    }
    let text: String = serde_json::from_str(score.get())
        .map_err(|error| ReportError::field(field, error::problem(&error)))?;
    let text = text.trim();
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(Severity::from_score(number)),
        Ok(_) | Err(_) if text.contains('/') => of_vector(field, text),
        Ok(_) | Err(_) => Ok(Severity::from_any_case(text)?),
    }
}

/// The severity of the score that `text` begins with: `9.8 (CRITICAL)`, `9.8/10`.
pub(super) fn leading_score(text: &str) -> Option<Severity> {
    let text = text.trim();
    let end = text.find(|it: char| !it.is_ascii_digit() && it != '.');
    let number = text[..end.unwrap_or(text.len())].parse().ok()?;
    Severity::from_score(number)
}

/// The severity of a vector's base score; an empty one is none.
///
/// # Errors
/// A CVSS vector that cannot be read.
pub(super) fn of_vector(
    field: &'static str,
    vector: &str,
) -> Result<Option<Severity>, ReportError> {
    let vector = vector.trim();
    match cvss_vector::base_score(vector) {
        Some(score) => Ok(Severity::from_score(score)),
        None if vector.is_empty() => Ok(None),
        None => Err(ReportError::field(
            field,
            "is no CVSS vector of version 2.0, 3.0, 3.1 or 4.0",
        )),
    }
}

/// The severity of a vector's base score, where a word stands beside it that says by
/// itself that nobody rated the finding: what cannot be read adds nothing.
pub(super) fn of_readable_vector(vector: &str) -> Option<Severity> {
    cvss_vector::base_score(vector).and_then(Severity::from_score)
}

/// As [`of_readable_vector`], of a score or a vector.
pub(super) fn of_readable_score(score: Option<&RawValue>, vector: &str) -> Option<Severity> {
    let scored = of_score("score", score).unwrap_or_default();
    scored.max(of_readable_vector(vector.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scored(json: &str) -> Result<Option<Severity>, ReportError> {
        of_score("score", Some(serde_json::from_str(json).unwrap()))
    }

    #[test]
    fn a_score_is_a_number_a_word_or_a_vector() {
        for (json, severity) in [
            ("9.8", Some(Severity::Critical)),
            (r#""9.8""#, Some(Severity::Critical)),
            (r#"" HIGH""#, Some(Severity::High)),
            (r#""unknown""#, None),
            ("0", None),
            (
                r#""CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H""#,
                Some(Severity::Critical),
            ),
            (r#""AV:N/AC:L/Au:N/C:N/I:N/A:C""#, Some(Severity::High)),
        ] {
            assert_eq!(scored(json), Ok(severity), "{json}");
        }
        for bad in ["[]", "{}", r#""severe""#, r#""CVSS:9.0/AV:N""#, r#""NaN""#] {
            assert!(scored(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_probability_is_no_severity() {
        for said in [
            "EPSS",
            "https://www.first.org/epss/",
            "CISA KEV Catalog",
            "SSVC",
            "epssv4",
        ] {
            assert!(is_no_severity(said), "{said}");
        }
        for said in ["CVSSv31", "NVD", "other", "", "Kevin's"] {
            assert!(!is_no_severity(said), "{said}");
        }
    }
}
