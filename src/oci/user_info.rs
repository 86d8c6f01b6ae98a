//! URLs from outside, made fit to be shown: a password may stand in them.

use std::borrow::Cow;

const AUTHORITY: &str = "://";
/// What stands in place of user names and passwords.
const REDACTED: &str = "***";

/// `text` with `***` for whatever stands before an `@` in its URLs (RFC 3986, 3.2.1:
/// user information), also in those whose scheme was forgotten. Where a URL is
/// ill-formed, rather too much is hidden: one in quotes goes on to their end,
/// another to the next space.
pub fn without_user_info(text: &str) -> Cow<'_, str> {
    if !text.contains('@') {
        return Cow::Borrowed(text);
    }
    Cow::Owned(hide_without_scheme(&hide_after_scheme(text)))
}

fn hide_after_scheme(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(AUTHORITY) {
        let (before, after) = rest.split_at(at + AUTHORITY.len());
        let end = end_of_url(&rest[..at], after);
        shown.push_str(before);
        if let Some(host) = after[..end].rfind('@') {
            shown.push_str(REDACTED);
            shown.push_str(&after[host..end]);
        } else {
            shown.push_str(&after[..end]);
        }
        rest = &after[end..];
    }
    shown.push_str(rest);
    shown
}

fn hide_without_scheme(text: &str) -> String {
    let ends_word = |letter: char| letter.is_whitespace() || "\"'`".contains(letter);
    let words = text.split_inclusive(ends_word).map(|word| {
        let host = user_info_end(word);
        host.map_or(Cow::Borrowed(word), |at| {
            Cow::Owned(format!("{REDACTED}{}", &word[at..]))
        })
    });
    words.collect()
}

/// Where the user information of a word like `robot:password@host` ends. A path or a
/// digest tells the name of an image, `app:1@sha256:…`, which is left alone.
fn user_info_end(word: &str) -> Option<usize> {
    let at = word.rfind('@')?;
    let (before, after) = (&word[..at], &word[at + 1..]);
    let is_digest = ["sha256:", "sha384:", "sha512:"]
        .iter()
        .any(|algorithm| after.starts_with(algorithm));
    (before.contains(':') && !before.contains('/') && !is_digest).then_some(at)
}

/// Where the URL ends whose scheme is the last word of `before`.
fn end_of_url(before: &str, after: &str) -> usize {
    let is_of_scheme = |letter: char| letter.is_ascii_alphanumeric() || "+-.".contains(letter);
    let opening = before.trim_end_matches(is_of_scheme).chars().next_back();
    let end = match opening {
        Some(quote @ ('"' | '\'' | '`')) => after.find(quote),
        _ => after.find(char::is_whitespace),
    };
    end.unwrap_or(after.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hides_what_stands_before_the_host() {
        for (text, shown) in [
            ("https://u:p@a.corp/x", "https://***@a.corp/x"),
            (
                "\"http://u@a\": no, https://b/d/1",
                "\"http://***@a\": no, https://b/d/1",
            ),
            ("https://u:p/a?s#s@a.corp", "https://***@a.corp"),
            ("say \"https://u:p @a\" no", "say \"https://***@a\" no"),
            (
                "https://u:p@q@a, http://v:w@b",
                "https://***@a, http://***@b",
            ),
        ] {
            assert_eq!(without_user_info(text), shown);
        }
    }

    #[test]
    fn hides_it_where_the_scheme_was_forgotten() {
        for (text, shown) in [
            (
                "\"u:p@a.corp\" is no address",
                "\"***@a.corp\" is no address",
            ),
            ("address u:p@q@a.corp:5000/x", "address ***@a.corp:5000/x"),
        ] {
            assert_eq!(without_user_info(text), shown);
        }
    }

    #[test]
    fn leaves_the_rest_alone() {
        for text in [
            "a.corp/x@sha256:1",
            "app:1@sha256:1",
            "a.corp:5000/x:1@latest",
            "https://a.corp",
            "",
            "://",
            "a@b ://",
        ] {
            assert_eq!(without_user_info(text), text);
        }
    }
}
