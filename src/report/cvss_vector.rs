//! CVSS vectors, of versions 2.0, 3.0, 3.1 and 4.0: what they rate by their base score.
//!
//! Of a vector only its base metrics count: what is said of threats and environments is
//! said of somebody else's.

use cvss::Cvss;

/// The base metrics of versions 2, 3 and 4; no name means two things in them.
const BASE_METRICS: [&str; 17] = [
    "AV", "AC", "AU", "AT", "PR", "UI", "S", "C", "I", "A", "VC", "VI", "VA", "SC", "SI", "SA",
    "CVSS",
];
/// Longer than any vector with all its metrics, in bytes.
const MAX_VECTOR_BYTES: usize = 512;

/// The base score, from 0 to 10. `None`: it is no vector that can be read.
pub(super) fn base_score(vector: &str) -> Option<f64> {
    if vector.len() > MAX_VECTOR_BYTES {
        return None;
    }
    // None of them may be missing, or be there twice, which the parser sees to.
    let base = base_metrics(vector)?;
    match base.parse::<Cvss>().ok()? {
        Cvss::CvssV20(vector) => Some(vector.score().value()),
        Cvss::CvssV30(vector) | Cvss::CvssV31(vector) => Some(vector.base_score().value()),
        Cvss::CvssV40(vector) => Some(vector.score().value()),
        _ => None,
    }
}

/// The vector with its base metrics alone, and with the version that its metrics are of
/// where it does not say so, as in NVD's fields of old.
fn base_metrics(vector: &str) -> Option<String> {
    let vector = vector.trim().trim_start_matches('(').trim_end_matches(')');
    let upper = vector.to_ascii_uppercase();
    let metrics = upper.split('/').filter(|metric| !metric.is_empty());
    let named = |metric: &&str| {
        let name = metric.split(':').next().unwrap_or_default();
        BASE_METRICS.contains(&name)
    };
    let mut base: Vec<&str> = metrics.filter(named).collect();
    let version = match base.first()?.strip_prefix("CVSS:") {
        Some(version) => {
            base.remove(0);
            version
        }
        None if base.iter().any(|metric| metric.starts_with("VC:")) => "4.0",
        None if base.iter().any(|metric| metric.starts_with("PR:")) => "3.1",
        None => "2.0",
    };
    let (prefix, count) = match version {
        "2.0" => (String::new(), 6),
        "3.0" | "3.1" => (format!("CVSS:{version}/"), 8),
        "4.0" => (format!("CVSS:{version}/"), 11),
        _ => return None,
    };
    // Version 2 alone has a name in both cases.
    let whole = base.len() == count;
    whole.then(|| format!("{prefix}{}", base.join("/").replace("/AU:", "/Au:")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of the specifications' own examples and calculators (first.org).
    const SCORED: [(&str, f64); 16] = [
        // CVE-2002-0392, CVE-2003-0818 and CVE-2003-0062 in section 3.3 of version 2.
        ("AV:N/AC:L/Au:N/C:N/I:N/A:C", 7.8),
        ("AV:N/AC:L/Au:N/C:C/I:C/A:C", 10.0),
        ("AV:L/AC:H/Au:N/C:C/I:C/A:C", 6.2),
        // CVE-2013-1937, -2013-0375, -2014-3566, -2012-1516, -2014-0160 and others in the
        // examples of version 3.
        ("CVSS:3.0/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", 6.1),
        ("CVSS:3.0/AV:N/AC:L/PR:L/UI:N/S:C/C:L/I:L/A:N", 6.4),
        ("CVSS:3.1/AV:N/AC:H/PR:N/UI:R/S:U/C:L/I:N/A:N", 3.1),
        ("CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:C/C:H/I:H/A:H", 9.9),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N", 7.5),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 9.8),
        ("CVSS:3.1/AV:A/AC:L/PR:N/UI:N/S:C/C:H/I:N/A:H", 9.3),
        ("CVSS:3.0/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H", 7.8),
        // CVE-2022-41741, -2020-3549 and -2023-3089 in the examples of version 4, and the
        // bounds of its calculator.
        (
            "CVSS:4.0/AV:L/AC:L/AT:P/PR:L/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N",
            7.3,
        ),
        (
            "CVSS:4.0/AV:N/AC:L/AT:P/PR:N/UI:P/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N",
            7.7,
        ),
        (
            "CVSS:4.0/AV:N/AC:L/AT:P/PR:N/UI:N/VC:H/VI:L/VA:L/SC:N/SI:N/SA:N",
            8.3,
        ),
        (
            "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:H/SI:H/SA:H",
            10.0,
        ),
        (
            "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:N/VI:N/VA:N/SC:N/SI:N/SA:N",
            0.0,
        ),
    ];

    #[test]
    fn rates_the_specifications_examples_by_their_base_score() {
        for (vector, score) in SCORED {
            assert_eq!(base_score(vector), Some(score), "{vector}");
        }
    }

    #[test]
    fn reads_vectors_as_they_are_written() {
        for written in [
            "AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
            " cvss:3.1/av:n/ac:l/pr:n/ui:n/s:u/c:h/i:h/a:h ",
            "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H/",
        ] {
            assert_eq!(base_score(written), Some(9.8), "{written}");
        }
        for written in [
            "(AV:N/AC:L/Au:N/C:N/I:N/A:C)",
            "CVSS:2.0/AV:N/AC:L/Au:N/C:N/I:N/A:C",
            "AV:N/AC:L/AU:N/C:N/I:N/A:C",
        ] {
            assert_eq!(base_score(written), Some(7.8), "{written}");
        }
    }

    #[test]
    fn what_threats_and_environments_say_does_not_lower_it() {
        for (vector, score) in [
            ("AV:N/AC:L/Au:N/C:C/I:C/A:C/E:U/RL:OF/RC:UC/TD:N", 10.0),
            (
                "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H/E:U/RL:O/RC:U/MAV:P/CR:L",
                9.8,
            ),
            (
                "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:H/SI:H/SA:H/E:U/MAV:P/MVC:N",
                10.0,
            ),
        ] {
            assert_eq!(base_score(vector), Some(score), "{vector}");
        }
    }

    #[test]
    fn what_is_no_vector_rates_nothing() {
        let long = format!("CVSS:3.1/AV:N{}", "/AC:L".repeat(1000));
        for text in [
            "",
            "/",
            "CVSS",
            "CVSS:3.1",
            "CVSS:3.1/",
            "CVSS:5.0/AV:N",
            "CVSS:3.1/AV:N/AC:L",
            "AV:N",
            "CVSS:3.1/AV:Q/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
            "A::B:/:",
            "high",
            "ü/Ü:É",
            &long,
            "CVSS:3.1/AV:N/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
        ] {
            assert_eq!(base_score(text), None, "{text}");
        }
    }
}
