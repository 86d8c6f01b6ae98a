//! One `hosts.toml` that lies on a node: does it lead anywhere but to the gateway?
//!
//! What every supported containerd makes of it was measured: only a `server` and a
//! `[host]` table that both name gateways close the way, on 1.6, 1.7 and 2.4 alike. One value of
//! a wrong form, and the whole file is ignored.

use toml::{Table, Value};

use super::expected::ExpectedNode;
use super::host_keys::key_flaw;
use super::hosts_flaw::{HostsFlaw, UNREAD_HINT, WRITE_HINT, open};
use crate::nodes::plain_toml::{TomlFlaw, read_plain};

/// Everything that is wrong with a file that should lead to the gateway only.
pub(super) fn flaws(text: &str, expected: &ExpectedNode) -> Vec<HostsFlaw> {
    let file = match read_plain(text) {
        Ok(file) => file,
        Err(flaw) => return vec![unreadable(flaw)],
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
    found.extend(ca_for_server(&file));
    found
}

fn unreadable(flaw: TomlFlaw) -> HostsFlaw {
    let why = match flaw {
        TomlFlaw::NoToml => {
            "containerd logs that, ignores the file and goes to the registry itself"
        }
        TomlFlaw::ByteOrderMark => {
            "containerd 2 cannot read that, ignores the file and goes to the registry itself"
        }
        TomlFlaw::BracketInHeader => {
            "containerd 1.6 and 1.7 cannot read that, ignore the file and go to the registry itself"
        }
        TomlFlaw::Rare(_) | TomlFlaw::EscapeInKey => {
            "a version that cannot read it ignores the file and goes to the registry itself"
        }
    };
    open(flaw.to_string(), why, WRITE_HINT)
}

/// A CA that stands only in the tables does not count for `server`, which is asked last.
fn ca_for_server(file: &Table) -> Option<HostsFlaw> {
    let hosts = file.get("host").and_then(Value::as_table);
    let below = hosts.into_iter().flat_map(Table::values);
    let named = below.filter_map(|host| host.get("ca")).next().is_some();
    (named && !file.contains_key("ca")).then(|| HostsFlaw {
        open: false,
        what: "its `ca` stands in the [host] table alone".to_owned(),
        why: "`server`, asked last, is then not trusted, and its error hides the gateway's answer",
        next_step: "repeat the line `ca = …` at the top of the file",
    })
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
                "remove the table; name it by --gateway if it is one, or the registry by --direct if \
                 it may be asked",
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

/// The keys of a host, which may stand at the top of the file too.
fn table(keys: &Table) -> Vec<HostsFlaw> {
    keys.iter()
        .filter_map(|(key, value)| key_flaw(key, value))
        .collect()
}

/// The files that it names, as written.
pub fn named_files(text: &str) -> Vec<String> {
    let Ok(file) = text.parse::<Table>() else {
        return Vec::new();
    };
    let hosts = file.get("host").and_then(Value::as_table);
    let below = hosts.into_iter().flat_map(Table::values);
    let tables = below.filter_map(Value::as_table).chain([&file]);
    let values = tables.flat_map(|table| [table.get("ca"), table.get("client")]);
    let mut files: Vec<String> = values.flatten().flat_map(all_texts).collect();
    files.sort_unstable();
    files.dedup();
    files
}

/// The texts in a text, a list, or a list of lists.
fn all_texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(values) => values.iter().flat_map(all_texts).collect(),
        _ => Vec::new(),
    }
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
