//! The keys of a `hosts.toml`, and the values that every containerd takes for them.

use toml::{Table, Value};

use super::hosts_flaw::{HostsFlaw, UNREAD_HINT, WRITE_HINT, open};

/// Capabilities that every version knows; with another one, those that do not know it
/// ignore the whole file.
const CAPABILITIES: [&str; 3] = ["pull", "resolve", "push"];
const KEYS: [&str; 9] = [
    "ca",
    "capabilities",
    "client",
    "dial_timeout",
    "header",
    "host",
    "override_path",
    "server",
    "skip_verify",
];
/// Units of Go's durations, longer ones first where one is the end of another.
const UNITS: [&str; 8] = ["ns", "us", "µs", "μs", "ms", "s", "m", "h"];

const MAX_DURATION_BYTES: usize = 20;

/// What makes one key dangerous.
pub(super) fn key_flaw(key: &str, value: &Value) -> Option<HostsFlaw> {
    let readable = match key {
        "capabilities" => return capabilities(value),
        "skip_verify" if value.as_bool() == Some(true) => return Some(unverified()),
        "skip_verify" | "override_path" => value.is_bool(),
        "ca" => is_text_or_texts(value),
        "client" => is_text_or_texts(value) || is_pairs(value),
        "header" => value.as_table().is_some_and(is_header),
        "dial_timeout" => value.as_str().is_some_and(is_duration),
        _ => return misspelt(key),
    };
    (!readable).then(|| {
        open(
            format!("its `{key}` has the wrong form"),
            UNREAD_HINT,
            WRITE_HINT,
        )
    })
}

/// containerd takes a key in any case, and of two the last: `Server` would hold.
fn misspelt(key: &str) -> Option<HostsFlaw> {
    let lower = key.to_lowercase();
    (key != lower && KEYS.contains(&lower.as_str())).then(|| {
        open(
            format!("its key `{key}` is `{lower}` in another case"),
            "some versions take it for that key, others do not",
            "write it in lower case, or remove it",
        )
    })
}

fn capabilities(value: &Value) -> Option<HostsFlaw> {
    let words = value.as_array().and_then(|words| texts(words));
    let known = |words: Vec<&str>| {
        let mut lower = words.iter().map(|word| word.to_ascii_lowercase());
        lower.all(|word| CAPABILITIES.contains(&word.as_str()))
    };
    (!words.is_some_and(known)).then(|| {
        open(
            "its `capabilities` hold a word that not every containerd knows",
            "a version that does not know it ignores the file and goes to the registry itself",
            "remove the line: without it everything is meant",
        )
    })
}

fn unverified() -> HostsFlaw {
    HostsFlaw {
        open: false,
        what: "it sets skip_verify".to_owned(),
        why: "whoever sits between this node and the gateway can answer in its place",
        next_step: "name the gateway's authority with `ca` and remove skip_verify",
    }
}

fn texts(words: &[Value]) -> Option<Vec<&str>> {
    words.iter().map(Value::as_str).collect()
}

fn is_text_or_texts(value: &Value) -> bool {
    value.is_str() || value.as_array().is_some_and(|words| texts(words).is_some())
}

/// Certificate and key, or a file with both.
fn is_pairs(value: &Value) -> bool {
    let pair = |value: &Value| match value {
        Value::String(_) => true,
        Value::Array(pair) => pair.len() == 2 && texts(pair).is_some(),
        _ => false,
    };
    value.as_array().is_some_and(|pairs| pairs.iter().all(pair))
}

fn is_header(header: &Table) -> bool {
    header.values().all(is_text_or_texts)
}

/// As Go reads one: `1m30s`, `1.5h`, `0`.
fn is_duration(text: &str) -> bool {
    let mut rest = text.strip_prefix(['+', '-']).unwrap_or(text);
    if matches!(rest, "" | "0") {
        return rest == text;
    }
    while !rest.is_empty() {
        let behind = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
        let number = &rest[..rest.len() - behind.len()];
        let unit = UNITS.iter().find_map(|unit| behind.strip_prefix(unit));
        match unit {
            Some(behind) if is_short_number(number) => rest = behind,
            Some(_) | None => return false,
        }
    }
    text.len() <= MAX_DURATION_BYTES
}

/// Short, since Go refuses what is longer than 292 years.
fn is_short_number(number: &str) -> bool {
    number.len() <= 5 && number.parse::<f32>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_open(line: &str) -> bool {
        let table: Table = line.parse().unwrap();
        let (key, value) = table.iter().next().unwrap();
        key_flaw(key, value).is_some_and(|flaw| flaw.open)
    }

    #[test]
    fn values_that_some_version_cannot_read_are_open() {
        for line in [
            "header = { x = 7 }",
            "header = { x = [7] }",
            "client = [[\"a\", \"b\", \"c\"]]",
            "client = [[\"a\"]]",
            "client = 7",
            "dial_timeout = \"abc\"",
            "dial_timeout = \"5\"",
            "dial_timeout = \"-\"",
            "dial_timeout = \"999999h\"",
            "dial_timeout = \"5 s\"",
            "dial_timeout = \"1.2.3s\"",
            "capabilities = \"pull\"",
            "capabilities = [\"referrers\"]",
            "skip_verify = \"true\"",
            "Server = \"https://quay.io\"",
            "CA = 7",
            "Host = {}",
        ] {
            assert!(is_open(line), "{line}");
        }
    }

    #[test]
    fn values_that_every_version_reads_are_not() {
        for line in [
            "header = { x = \"a\", y = [\"b\"] }",
            "client = [\"a\", [\"b\", \"c\"]]",
            "client = [[\"a\", \"b\"]]",
            "ca = [\"a\", \"b\"]",
            "dial_timeout = \"1m30s\"",
            "dial_timeout = \"1.5h\"",
            "dial_timeout = \"300ms\"",
            "dial_timeout = \"0\"",
            "dial_timeout = \"\"",
            "capabilities = [\"PULL\", \"resolve\"]",
            "server = \"https://gate\"",
            "unknown = 7",
        ] {
            assert!(!is_open(line), "{line}");
        }
    }
}
