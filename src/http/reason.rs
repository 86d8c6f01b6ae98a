//! The reason phrase of a status line (RFC 9112 §4): the only text of a denied
//! HEAD that older containerds print.

pub use hyper::ext::ReasonPhrase;

/// Longest phrase, in bytes, that is sent as it is.
pub const MAX_REASON: usize = 200;

/// The phrase for `line`, or for the short `code` where the line is empty, too
/// long or not printable ASCII; `None` if the code is no better.
///
/// Put it into a response's extensions. It is cheap to clone.
pub fn reason_phrase(line: &str, code: &str) -> Option<ReasonPhrase> {
    phrase(line).or_else(|| phrase(code))
}

fn phrase(text: &str) -> Option<ReasonPhrase> {
    let printable = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    let fits = !text.trim().is_empty() && text.len() <= MAX_REASON;
    if printable && fits {
        ReasonPhrase::try_from(text.as_bytes()).ok()
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(line: &str, code: &str) -> Option<String> {
        let phrase = reason_phrase(line, code)?;
        String::from_utf8(phrase.as_bytes().to_vec()).ok()
    }

    #[test]
    fn sends_a_printable_line() {
        let line = "sekisho: too-severe: CVE-2026-1234 HIGH openssl 3.0.1";
        assert_eq!(sent(line, "too-severe").as_deref(), Some(line));
    }

    #[test]
    fn falls_back_to_the_code() {
        let long = "x".repeat(MAX_REASON + 1);
        for line in [
            "",
            "  ",
            "a\r\nSet-Cookie: b",
            "tab\t",
            "関所",
            "\u{7f}",
            &long,
        ] {
            assert_eq!(
                sent(line, "revoked").as_deref(),
                Some("revoked"),
                "{line:?}"
            );
        }
        assert_eq!(sent("\n", "\n"), None);
    }
}
