//! What is wrong with a value, in words of the file in place of the parser's.

/// `message`: as serde tells it. What it says in other words stays as it is.
pub(super) fn plain(message: &str) -> String {
    let message = message.trim();
    if let Some(told) = message.strip_prefix("unknown variant `") {
        let told = told.split_once("`, expected ");
        return told.map_or_else(|| message.to_owned(), not_known);
    }
    let told = message.strip_prefix("invalid type: ");
    let expected = told.and_then(|it| it.rsplit_once(", expected "));
    let plain = expected.and_then(|(_, expected)| write_instead(expected));
    plain.map_or_else(|| message.to_owned(), str::to_owned)
}

fn not_known((word, known): (&str, &str)) -> String {
    let known = known.strip_prefix("one of ").unwrap_or(known);
    format!(
        "{word:?} is not known; it may be {}",
        known.replace('`', "")
    )
}

fn write_instead(expected: &str) -> Option<&'static str> {
    Some(match expected {
        "a TOML datetime" => "is no date; write one without quotes, as 2027-03-31",
        "a boolean" => "is not true or false; write one of them, without quotes",
        "a sequence" => "is no list; write it in [ ]",
        "a string" | "string" | "path string" => "is no text; write it in quotes",
        "f32" | "f64" => "is no number; write one without quotes",
        "u8" | "u16" | "u32" | "u64" | "usize" | "i64" => {
            "is no whole number; write one without quotes"
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_what_to_write() {
        for (message, told) in [
            (
                "invalid type: string \"2027-01-01\", expected a TOML datetime",
                "is no date; write one without quotes, as 2027-03-31",
            ),
            (
                "invalid type: string \"a, expected b\", expected usize",
                "is no whole number; write one without quotes",
            ),
            (
                "unknown variant `strict`, expected one of `audit`, `warn`",
                "\"strict\" is not known; it may be audit, warn",
            ),
            (
                "unknown variant `x`, expected `any`",
                "\"x\" is not known; it may be any",
            ),
            ("a duration is too long", "a duration is too long"),
        ] {
            assert_eq!(plain(message), told);
        }
    }
}
