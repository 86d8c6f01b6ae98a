//! One `hosts.toml` that lies on a node: does it lead anywhere but to the gateway?
//!
//! What every supported containerd makes of it was measured: only `server` and one
//! `[host]` table of the same name close the way, on 1.6, 1.7 and 2.4 alike.

use toml::{Table, Value};

use super::expected::ExpectedNode;

/// Capabilities that every version knows; with another one, those that do not know it
/// ignore the whole file.
const CAPABILITIES: [&str; 3] = ["pull", "resolve", "push"];
const WRITE_HINT: &str = "write it with `sekisho node-config`";

/// A flaw of one file: what, why it matters, what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HostsFlaw {
    pub open: bool,
    pub what: String,
    pub why: &'static str,
    pub next_step: &'static str,
}

fn open(what: impl Into<String>, why: &'static str, next_step: &'static str) -> HostsFlaw {
    HostsFlaw {
        open: true,
        what: what.into(),
        why,
        next_step,
    }
}

/// Everything that is wrong with a file that should lead to the gateway only.
pub(super) fn flaws(text: &str, expected: &ExpectedNode) -> Vec<HostsFlaw> {
    let Ok(file) = text.parse::<Table>() else {
        return vec![open(
            "it is no TOML",
            "containerd logs that, ignores the file and goes to the registry itself",
            WRITE_HINT,
        )];
    };
    let mut found = Vec::new();
    found.extend(server(&file, expected));
    match file.get("host").and_then(Value::as_table) {
        Some(hosts) if !hosts.is_empty() => found.extend(all_hosts(hosts, expected)),
        Some(_) | None => found.push(open(
            "it has no [host] table",
            "containerd 1.6 ignores such a file and goes to the registry itself",
            WRITE_HINT,
        )),
    }
    found.extend(table(&file));
    found
}

fn server(file: &Table, expected: &ExpectedNode) -> Option<HostsFlaw> {
    let fallback = "`server` is asked last, after any error of the mirrors, also a denial";
    match file.get("server").map(Value::as_str) {
        None => Some(open(
            "it names no `server`",
            "without it the registry itself is asked last, after any error of the gateway, \
             also a denial",
            WRITE_HINT,
        )),
        Some(None) => Some(open("its `server` is no text", UNREAD_HINT, WRITE_HINT)),
        Some(Some(url)) if !expected.is_gateway(url) => Some(open(
            format!("its `server` is {url:?}, not the gateway"),
            fallback,
            "set `server` to the gateway, or name the registry by --direct if it may be asked",
        )),
        Some(Some(_)) => None,
    }
}

fn all_hosts(hosts: &Table, expected: &ExpectedNode) -> Vec<HostsFlaw> {
    let mut found = Vec::new();
    for (url, host) in hosts {
        if !expected.is_gateway(url) {
            found.push(open(
                format!("it names another [host]: {url:?}"),
                "after any error of the gateway, also a denial, that host is asked",
                "remove the table, or name the registry by --direct if it may be asked",
            ));
        }
        match host.as_table() {
            Some(keys) => found.extend(table(keys)),
            None => found.push(open(
                format!("its [host] {url:?} is no table"),
                UNREAD_HINT,
                WRITE_HINT,
            )),
        }
    }
    if !hosts.keys().any(|url| expected.is_gateway(url)) {
        found.push(open(
            "it has no [host] table for the gateway",
            "containerd then asks what it names instead",
            WRITE_HINT,
        ));
    }
    found
}

const UNREAD_HINT: &str =
    "containerd cannot read that, ignores the file and goes to the registry itself";

/// The keys of a host, which may stand at the top of the file too.
fn table(keys: &Table) -> Vec<HostsFlaw> {
    keys.iter()
        .filter_map(|(key, value)| entry(key, value))
        .collect()
}

fn entry(key: &str, value: &Value) -> Option<HostsFlaw> {
    let readable = match key {
        "capabilities" => return capabilities(value),
        "skip_verify" if value.as_bool() == Some(true) => return Some(unverified()),
        "skip_verify" | "override_path" => value.is_bool(),
        "ca" => is_text_or_texts(value),
        "client" => is_text_or_texts(value) || is_pairs(value),
        "header" => value.is_table(),
        "dial_timeout" => value.is_str(),
        _ => true,
    };
    (!readable).then(|| {
        open(
            format!("its `{key}` has the wrong form"),
            UNREAD_HINT,
            WRITE_HINT,
        )
    })
}

fn capabilities(value: &Value) -> Option<HostsFlaw> {
    let words = value.as_array().and_then(|words| texts(words));
    let known = |words: Vec<&str>| words.iter().all(|word| CAPABILITIES.contains(word));
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

fn is_pairs(value: &Value) -> bool {
    let pair = |value: &Value| value.as_array().is_some_and(|pair| texts(pair).is_some());
    value.as_array().is_some_and(|pairs| pairs.iter().all(pair))
}

/// Every address that a file names besides the gateway, as written.
pub(super) fn foreign_urls(text: &str, expected: &ExpectedNode) -> Vec<String> {
    let Ok(file) = text.parse::<Table>() else {
        return Vec::new();
    };
    let hosts = file.get("host").and_then(Value::as_table);
    let server = file.get("server").and_then(Value::as_str);
    let mut urls: Vec<String> = hosts
        .into_iter()
        .flat_map(|hosts| hosts.keys().cloned())
        .chain(server.map(str::to_owned))
        .filter(|url| !expected.is_gateway(url))
        .collect();
    urls.sort_by_key(|url| std::cmp::Reverse(url.len()));
    urls
}
