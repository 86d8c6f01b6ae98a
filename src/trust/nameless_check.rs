//! Checks without who let an image pass, and for which ticket: not every reader of a
//! verdict may read that.

use jiff::Timestamp;

/// What a check says without the people and tickets in it: that a mode holds and until
/// when, that break-glass is granted and until when, that an image was promoted and when.
pub fn nameless_check(requirement: &str, text: &str) -> Option<String> {
    match requirement {
        "mode" => text.split_once(", set by").map(|(mode, _)| mode.to_owned()),
        "break-glass" => Some(nameless_grant(text)),
        "promotion" => {
            let by = text.strip_prefix("promoted by ")?;
            Some(match by.rsplit_once(" at ") {
                Some((_, at)) => format!("promoted at {at}"),
                None => "promoted".to_owned(),
            })
        }
        _ => None,
    }
}

/// The reason is a person's words: nothing is kept that does not read as a moment.
fn nameless_grant(text: &str) -> String {
    let ends = text.split(" until ").skip(1);
    let mut ends = ends.filter_map(|rest| rest.split(' ').next()?.parse::<Timestamp>().ok());
    match ends.next() {
        Some(until) => format!("granted until {until}"),
        None => "granted".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_keeps_the_fact_and_loses_people_and_tickets() {
        for (requirement, text, told) in [
            (
                "mode",
                "audit until 2099-01-01T00:00:00Z, set by alice for INC-1",
                "audit until 2099-01-01T00:00:00Z",
            ),
            (
                "break-glass",
                "granted by alice until 2026-01-01T00:00:00Z for INC-1: down until noon",
                "granted until 2026-01-01T00:00:00Z",
            ),
            (
                "break-glass",
                "granted by until noon until now for INC-1: x",
                "granted",
            ),
            (
                "promotion",
                "promoted by alice at home at 2026-01-01T00:00:00Z",
                "promoted at 2026-01-01T00:00:00Z",
            ),
            ("promotion", "promoted by alice", "promoted"),
        ] {
            assert_eq!(nameless_check(requirement, text).as_deref(), Some(told));
        }
        assert_eq!(nameless_check("promotion", "as if it were promoted"), None);
        assert_eq!(nameless_check("scan", "scan:1 by trivy"), None);
    }
}
