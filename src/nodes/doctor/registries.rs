//! `registries.conf` of CRI-O and podman, with its drop-ins, as containers/image
//! reads them: a later file's table replaces an earlier one of the same prefix, and
//! the longest prefix counts.
//!
//! There is no table for all registries, so what no table names is asked directly.

use std::collections::BTreeMap;

use toml::{Table, Value};

use super::expected::ExpectedNode;
use super::finding::{OnNode, on_node};
use crate::diagnosis::{Diagnosis, Gravity};
use crate::nodes::Runtime;
use crate::nodes::plain_toml::{TomlFlaw, read_plain};

const WRITE_HINT: &str =
    "run `sekisho node-config` for this runtime, with the registry as --registry";

/// A file, in the order in which it is read.
#[derive(Clone, Debug)]
pub struct ConfFile {
    pub path: String,
    pub text: String,
}

/// A `[[registry]]` table that counts.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct RegistryTable {
    pub prefix: String,
    pub path: String,
    pub table: Table,
}

/// All tables that count, after merging.
#[derive(Clone, Debug, Default)]
pub struct Registries {
    pub(super) entries: BTreeMap<String, RegistryTable>,
    search: Vec<String>,
    /// Keys in another case, with the files that they stand in.
    misspelt: Vec<(String, String)>,
    /// Files that the runtime cannot read, with what is wrong with them.
    unread: Vec<(String, String)>,
}

/// Merges the files.
pub fn read_registries(files: &[ConfFile]) -> Registries {
    let mut read = Registries::default();
    for file in files {
        match as_runtimes_read(&file.text) {
            Ok(table) => read.add(&file.path, &table),
            Err(flaw) => read.unread.push((file.path.clone(), flaw.to_string())),
        }
    }
    read
}

/// Brackets and backslashes in keys are containerd's trouble alone.
fn as_runtimes_read(text: &str) -> Result<Table, TomlFlaw> {
    match read_plain(text) {
        Err(TomlFlaw::BracketInHeader | TomlFlaw::EscapeInKey) => {
            text.parse().map_err(|_| TomlFlaw::NoToml)
        }
        read => read,
    }
}

impl Registries {
    fn add(&mut self, path: &str, file: &Table) {
        let misspelt = misspelt_keys(file);
        self.misspelt
            .extend(misspelt.map(|key| (path.to_owned(), key.to_owned())));
        if let Some(search) = file.get("unqualified-search-registries") {
            self.search = texts(search);
        }
        for table in tables(file, "registry") {
            let prefix = text(table, "prefix").or_else(|| text(table, "location"));
            if let Some(prefix) = prefix {
                let entry = RegistryTable {
                    prefix: prefix.to_owned(),
                    path: path.to_owned(),
                    table: table.clone(),
                };
                self.entries.insert(prefix.to_owned(), entry);
            }
        }
    }

    /// The prefixes that have a table, and may not be direct.
    pub fn prefixes<'a>(&'a self, expected: &'a ExpectedNode) -> impl Iterator<Item = &'a str> {
        self.entries
            .keys()
            .map(String::as_str)
            .filter(|prefix| !expected.is_direct(host_of(prefix)))
    }

    /// One file that says what all of them say.
    pub fn merged(&self) -> String {
        let tables = self.entries.values();
        let tables = tables
            .map(|entry| Value::Table(entry.table.clone()))
            .collect();
        Table::from_iter([("registry".to_owned(), Value::Array(tables))]).to_string()
    }

    /// What is open, for a runtime that reads its files below `root`.
    pub fn findings(
        &self,
        runtime: Runtime,
        root: &str,
        expected: &ExpectedNode,
    ) -> Vec<Diagnosis<OnNode>> {
        let mut found = Vec::new();
        for (path, flaw) in &self.unread {
            found.push(unread(runtime, path, flaw));
        }
        for (path, key) in &self.misspelt {
            found.push(misspelt(runtime, path, key));
        }
        for entry in self.entries.values() {
            if !expected.is_direct(host_of(&entry.prefix)) {
                found.extend(entry.findings(runtime, expected));
            }
        }
        found.extend(self.missing(runtime, root, expected));
        found.push(no_wildcard(runtime, root));
        found
    }

    fn missing(
        &self,
        runtime: Runtime,
        root: &str,
        expected: &ExpectedNode,
    ) -> Vec<Diagnosis<OnNode>> {
        let required = expected.registries.iter().map(|host| host.as_str());
        let searched = self.search.iter().map(String::as_str);
        let mut hosts: Vec<&str> = required
            .chain(searched)
            .filter(|host| !self.entries.contains_key(*host))
            .filter(|host| !expected.is_direct(host) && !expected.is_at_gateway(host))
            .collect();
        hosts.sort_unstable();
        hosts.dedup();
        let each = |host| {
            let what = format!("no table names {host}");
            on_node(runtime, Gravity::Wrong, root, what)
                .why("its images are pulled from it directly")
                .next(WRITE_HINT)
        };
        hosts.into_iter().map(each).collect()
    }
}

impl RegistryTable {
    fn findings(&self, runtime: Runtime, expected: &ExpectedNode) -> Vec<Diagnosis<OnNode>> {
        let mut found = Vec::new();
        found.extend(self.unnameable(runtime));
        let location = text(&self.table, "location").unwrap_or(&self.prefix);
        let is_blocked = self.table.get("blocked").and_then(Value::as_bool) == Some(true);
        if !is_blocked && !expected.is_at_gateway(location) {
            let what = format!("{} is not blocked", self.prefix);
            found.push(
                on_node(runtime, Gravity::Wrong, &self.path, what)
                    .why("after any error of its mirrors, also a denial, it is asked itself")
                    .next(WRITE_HINT),
            );
        }
        for mirror in tables(&self.table, "mirror") {
            let place = text(mirror, "location").unwrap_or("");
            if !expected.is_at_gateway(place) {
                found.push(self.other_mirror(runtime, place));
            } else if let Some(note) = self.skipped(runtime, mirror) {
                found.push(note);
            }
        }
        found
    }

    /// A place that not every version can name; then no image of this table is pulled.
    fn unnameable(&self, runtime: Runtime) -> Option<Diagnosis<OnNode>> {
        let mirrors = tables(&self.table, "mirror");
        let named = mirrors.chain([&self.table]);
        let mut places = named.filter_map(|table| text(table, "location"));
        let odd = places.find(|place| place.contains("://") || place.starts_with('['))?;
        let what = format!("{} names a place that it cannot: {odd:?}", self.prefix);
        let found = on_node(runtime, Gravity::Unknown, &self.path, what)
            .why("a scheme never stands there, and not every version reads an IPv6 address")
            .next("name the gateway by a DNS name, without a scheme");
        Some(found)
    }

    fn other_mirror(&self, runtime: Runtime, place: &str) -> Diagnosis<OnNode> {
        let what = format!("{} has another mirror: {place:?}", self.prefix);
        on_node(runtime, Gravity::Wrong, &self.path, what)
            .why("after any error of the gateway, also a denial, that mirror is asked")
            .next("remove the mirror, or name it by --gateway if it is one")
    }

    fn skipped(&self, runtime: Runtime, mirror: &Table) -> Option<Diagnosis<OnNode>> {
        let by_digest = self
            .table
            .get("mirror-by-digest-only")
            .and_then(Value::as_bool);
        let from = text(mirror, "pull-from-mirror").unwrap_or("all");
        (by_digest == Some(true) || from != "all").then(|| {
            let what = format!("{} uses the gateway for some pulls only", self.prefix);
            on_node(runtime, Gravity::Note, &self.path, what)
                .why("the other pulls fail, since the registry itself is blocked")
                .next("set pull-from-mirror = \"all\"")
        })
    }
}

fn unread(runtime: Runtime, path: &str, flaw: &str) -> Diagnosis<OnNode> {
    on_node(runtime, Gravity::Unknown, path, flaw)
        .why("the runtime refuses every pull until it can read the file")
        .next("repair or remove the file")
}

/// Keys that the runtime takes for others, since it takes a key in any case: of two such,
/// either may hold.
fn misspelt_keys(file: &Table) -> impl Iterator<Item = &str> {
    let registries = || tables(file, "registry");
    let mirrors = registries().flat_map(|registry| tables(registry, "mirror"));
    let all = [file].into_iter().chain(registries()).chain(mirrors);
    let keys = all.flat_map(Table::keys).map(String::as_str);
    keys.filter(|key| !KEYS.contains(key) && KEYS.contains(&folded(key).as_str()))
}

/// As Go compares text in any case.
fn folded(key: &str) -> String {
    key.to_lowercase().replace('ſ', "s")
}

/// What leads a pull elsewhere.
const KEYS: [&str; 8] = [
    "registry",
    "unqualified-search-registries",
    "prefix",
    "location",
    "blocked",
    "mirror",
    "mirror-by-digest-only",
    "pull-from-mirror",
];

fn misspelt(runtime: Runtime, path: &str, key: &str) -> Diagnosis<OnNode> {
    let what = format!("its key `{key}` is `{}` in another case", folded(key));
    on_node(runtime, Gravity::Wrong, path, what)
        .why("the runtime takes it for that key, and may then ask what it names")
        .next("write it in lower case, or remove it")
}

fn no_wildcard(runtime: Runtime, root: &str) -> Diagnosis<OnNode> {
    let what = "registries that no table names are asked directly";
    on_node(runtime, Gravity::Note, root, what)
        .why("this runtime knows no default for all registries")
        .next("block the way to other registries at the firewall")
}

/// The registry of a prefix, which may go on with a path.
pub(super) fn host_of(prefix: &str) -> &str {
    prefix.split('/').next().unwrap_or(prefix)
}

pub(super) fn text<'a>(table: &'a Table, key: &str) -> Option<&'a str> {
    table.get(key)?.as_str().filter(|text| !text.is_empty())
}

pub(super) fn tables<'a>(table: &'a Table, key: &str) -> impl Iterator<Item = &'a Table> {
    let all = table.get(key).and_then(Value::as_array);
    all.into_iter().flatten().filter_map(Value::as_table)
}

fn texts(value: &Value) -> Vec<String> {
    let all = value.as_array().into_iter().flatten();
    all.filter_map(|word| word.as_str().map(str::to_owned))
        .collect()
}
