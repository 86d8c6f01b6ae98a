//! URLs from outside, made fit to be shown: a password may stand in them.

use std::borrow::Cow;

use super::RegistryHost;

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
    let shown = with_urls(text, |_, url| match url.rfind('@') {
        Some(host) => format!("{REDACTED}{}", &url[host..]),
        None => url.to_owned(),
    });
    Cow::Owned(hide_without_scheme(&shown))
}

/// `text` with no more of its URLs than scheme and well-formed host: a secret may stand
/// in any other part. Files are shown whole: `sqlite:///…`.
pub fn with_origins_alone(text: &str) -> String {
    let shown = with_urls(text, |before, url| match before.ends_with("sqlite") {
        true if !url.contains(['@', '?', '#', '%']) => url.to_owned(),
        _ => origin(url),
    });
    hide_without_scheme(&shown)
}

/// What may be shown of a URL's part after the scheme.
fn origin(url: &str) -> String {
    let bare = url.trim_end_matches([',', ';', ')', '…']);
    let end = bare.find(['/', '?', '#', '\\']).unwrap_or(bare.len());
    let (host, path) = bare.split_at(end);
    let closing = &url[bare.len()..];
    let is_host = RegistryHost::parse(&host.to_ascii_lowercase()).is_ok();
    match path {
        _ if bare.is_empty() => closing.to_owned(),
        _ if !is_host || path.contains('@') || path.contains("%40") => REDACTED.to_owned(),
        "" | "/" => url.to_owned(),
        _ => format!("{host}/{REDACTED}{closing}"),
    }
}

/// `text` with each URL's part after the scheme as `shown` has it, which also gets
/// what stands before that.
fn with_urls(text: &str, shown: impl Fn(&str, &str) -> String) -> Cow<'_, str> {
    if !text.contains(AUTHORITY) {
        return Cow::Borrowed(text);
    }
    let mut whole = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(AUTHORITY) {
        let (before, after) = (&rest[..at], &rest[at + AUTHORITY.len()..]);
        let end = end_of_url(before, after);
        whole.push_str(before);
        whole.push_str(AUTHORITY);
        whole.push_str(&shown(before, &after[..end]));
        rest = &after[end..];
    }
    whole.push_str(rest);
    Cow::Owned(whole)
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
        Some('"') => end_of_quote(after),
        Some(quote @ ('\'' | '`')) => after.find(quote),
        _ => after.find(char::is_whitespace),
    };
    end.unwrap_or(after.len())
}

/// Where the first `"` is that no `\` stands before.
fn end_of_quote(after: &str) -> Option<usize> {
    let mut escaped = false;
    after.find(|letter| {
        let ends = letter == '"' && !escaped;
        escaped = letter == '\\' && !escaped;
        ends
    })
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

    #[test]
    fn shows_scheme_and_host_alone() {
        for (text, shown) in [
            ("\"https://u:p%40a.corp\" no", "\"https://***\" no"),
            ("\"https://u:p\\\" q@a\" no", "\"https://***\" no"),
            ("https://a.corp/?t=p, no", "https://a.corp/***, no"),
            ("https://a.corp#p", "https://a.corp/***"),
            ("https://a.corp/p/q", "https://a.corp/***"),
            ("https://u:p", "https://***"),
            ("https://a.corp:5000, no", "https://a.corp:5000, no"),
            (
                "https://A.corp/ or https://…",
                "https://A.corp/ or https://…",
            ),
            ("sqlite:///var/a.db", "sqlite:///var/a.db"),
        ] {
            assert_eq!(with_origins_alone(text), shown);
        }
    }
}
