//! `docs/configuration.md`: every key that the program reads, with its default, and
//! whether a change is taken over without a restart.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;

use jiff::Timestamp;
use sekisho::app::config::{Config, Problem};
use tempfile::TempDir;

use super::page::text;

const PAGE: &str = "docs/configuration.md";
const SAMPLE: &str = include_str!("../../../config/sekisho.toml");
/// A key that no table knows, so that each tells which it does.
const STRANGER: &str = "nobodys_key = 1";

/// The smallest good file around one key of a table, which stands for `@`.
const AROUND: [(&str, &str); 12] = [
    ("", "@"),
    ("listeners", "[[listeners]]\n@"),
    ("admin", "[admin]\n@"),
    ("limits", "[limits]\n@"),
    ("drain", "[drain]\n@"),
    (
        "upstreams",
        "[[upstreams]]\nname = 'registry.prod.example'\n@",
    ),
    (
        "environments.NAME",
        "[[upstreams]]\nname = 'docker.io'\n[[upstreams]]\nname = 'registry.prod.example'\n\
         [environments.production]\n@",
    ),
    (
        "environments.NAME.nodes",
        "[nodes]\nsigning_key = 'nodes.key'\n[environments.production.nodes]\n@",
    ),
    (
        "clusters",
        "[webhook]\n[[clusters]]\nname = 'a'\ngateway = 'gateway.example'\n@",
    ),
    ("cache", "[cache]\nremote = 's3://bucket'\n@"),
    ("ledger", "[ledger]\n@"),
    ("audit", "[audit]\n@"),
];

/// A row of the page.
#[derive(Debug)]
struct Row {
    default: String,
    reload: String,
}

/// The tables of the page: by their path the keys, each with its row.
fn documented() -> BTreeMap<String, BTreeMap<String, Row>> {
    let mut tables: BTreeMap<String, BTreeMap<String, Row>> = BTreeMap::new();
    let mut path = String::new();
    for line in text(PAGE).lines() {
        if let Some(title) = line.strip_prefix("## ") {
            let quoted = title.split('`').nth(1).unwrap_or_default();
            path = quoted.trim_matches(['[', ']']).to_owned();
            tables.entry(path.clone()).or_default();
        } else if let Some(row) = line.strip_prefix("| `") {
            let cells: Vec<&str> = row.trim_end_matches(" |").split(" | ").collect();
            let [key, _, default, reload, meaning] = cells[..] else {
                panic!("no row of five cells: {line}");
            };
            assert!(!meaning.is_empty(), "{line}");
            let row = Row {
                default: default.to_owned(),
                reload: reload.to_owned(),
            };
            let key = key.trim_end_matches('`').to_owned();
            let twice = tables.get_mut(&path).unwrap().insert(key, row);
            assert!(twice.is_none(), "stands twice: {line}");
        }
    }
    tables
}

/// A folder with the files that the sample names.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let names = vec!["corp.example".to_owned()];
    let pem = rcgen::generate_simple_self_signed(names)
        .unwrap()
        .cert
        .pem();
    for name in [
        "tls.crt",
        "tls.key",
        "nodes-ca.crt",
        "corp-ca.crt",
        "shop-prod.kubeconfig",
        "password",
        "config.json",
    ] {
        std::fs::write(folder.path().join(name), &pem).unwrap();
    }
    let keys = "aws_access_key_id = a\naws_secret_access_key = b\n";
    std::fs::write(folder.path().join("s3-credentials"), keys).unwrap();
    let node_key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    std::fs::write(folder.path().join("nodes.key"), node_key.serialize_pem()).unwrap();
    for name in ["exceptions", "advisories"] {
        std::fs::create_dir(folder.path().join(name)).unwrap();
    }
    folder
}

fn load(folder: &TempDir, text: &str) -> Result<Config, Vec<Problem>> {
    let file = folder.path().join("sekisho.toml");
    std::fs::write(&file, text).unwrap();
    let home = |name: &str| (name == "HOME").then(|| OsString::from("/home/someone"));
    Config::load(Some(&file), home, Timestamp::now()).map_err(|found| found.problems)
}

/// The sample without the marks before its keys.
fn uncommented() -> Vec<&'static str> {
    let is_key = |text: &str| {
        let name = text.split(" = ").next().unwrap_or_default();
        text.contains(" = ") && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
    };
    let line = |line: &'static str| match line.strip_prefix("# ") {
        Some(text) if text.starts_with('[') || is_key(text) => text,
        _ => line,
    };
    SAMPLE.lines().map(line).collect()
}

/// The sample with a stranger in each of its tables.
fn with_strangers() -> String {
    let mut text = format!("{STRANGER}\n");
    for line in uncommented() {
        let line = line.replace("{ ", &format!("{{ {STRANGER}, "));
        text += &format!("{line}\n");
        if line.starts_with('[') {
            text += &format!("{STRANGER}\n");
        }
    }
    text
}

/// As the page writes it: without positions, and with `NAME` for a name.
fn path_of(key: &str) -> String {
    let key = key.strip_suffix("nobodys_key").unwrap();
    let parts = key.trim_end_matches('.').split('.');
    let mut parts: Vec<&str> = parts
        .map(|part| part.split(['[', '#']).next().unwrap())
        .collect();
    if parts[0] == "environments" {
        parts[1] = "NAME";
    }
    match parts.last() {
        Some(&"tls") => "tls".to_owned(),
        _ => parts.join("."),
    }
}

/// What each table of the program knows, as it tells a stranger.
fn known() -> BTreeMap<String, BTreeSet<String>> {
    let folder = folder();
    for (place, table) in [("exceptions", "exception"), ("advisories", "advisory")] {
        let file = folder.path().join(place).join("a.toml");
        std::fs::write(file, format!("[[{table}]]\n{STRANGER}\n")).unwrap();
    }
    let problems = load(&folder, &with_strangers()).unwrap_err();
    let told = problems.iter().filter_map(|problem| {
        let (_, keys) = problem.text.split_once("is unknown; known here: ")?;
        let keys = keys.split(", ").map(str::to_owned).collect();
        Some((path_of(&problem.key), keys))
    });
    told.collect()
}

#[test]
fn every_key_is_in_the_page_and_no_other() {
    let (documented, known) = (documented(), known());
    assert!(known.len() > 15, "{known:#?}");
    let settings: BTreeSet<String> = documented["environments.NAME"]
        .keys()
        .filter(|key| !["rules", "platform_images", "nodes"].contains(&key.as_str()))
        .cloned()
        .collect();
    for (path, rows) in &documented {
        let mut written: BTreeSet<String> = rows.keys().cloned().collect();
        let is_top = |other: &&String| path.is_empty() && !other.contains('.');
        let tables = documented.keys().filter(is_top);
        let beside = ["", "tls", "exception", "advisory"];
        written.extend(tables.filter(|it| !beside.contains(&it.as_str())).cloned());
        if path.is_empty() {
            written.insert("environments".to_owned());
        }
        if path == "environments.NAME.rules" {
            written.extend(settings.iter().cloned());
        }
        assert_eq!(
            Some(&written),
            known.get(path),
            "of {path:?}, left: the page"
        );
    }
    let missing: Vec<&String> = known
        .keys()
        .filter(|it| !documented.contains_key(*it))
        .collect();
    assert!(
        missing.is_empty(),
        "tables that the page lacks: {missing:?}"
    );
}

/// A good configuration in the words of the program, without where it was read.
fn parts(folder: &TempDir, text: &str) -> (String, String) {
    try_parts(folder, text).unwrap_or_else(|problems| panic!("{text}\n{problems:#?}"))
}

/// What judgement follows, and the rest.
fn try_parts(folder: &TempDir, text: &str) -> Result<(String, String), Vec<Problem>> {
    let mut config = load(folder, text)?;
    (config.fingerprint, config.warnings) = (None, Vec::new());
    let policy = format!("{:?}", config.policy_files);
    let nothing = load(folder, "").unwrap();
    config.policy_files = nothing.policy_files;
    config.start_keys = nothing.start_keys;
    Ok((policy, format!("{config:?}")))
}

#[test]
fn every_default_is_what_the_program_takes() {
    let (documented, folder) = (documented(), folder());
    let mut checked = 0;
    for (path, around) in AROUND {
        let without = parts(&folder, &around.replace('@', ""));
        for (key, row) in &documented[path] {
            let quoted = row
                .default
                .strip_prefix('`')
                .and_then(|it| it.strip_suffix('`'));
            let Some(default) = quoted.filter(|it| !it.contains('`') && is_value(it)) else {
                continue;
            };
            let with = parts(&folder, &around.replace('@', &format!("{key} = {default}")));
            assert!(with == without, "{path}.{key} is not {default} by default");
            checked += 1;
        }
    }
    assert!(checked > 40, "{checked}");
}

/// A value of TOML, rather than the name of another key.
fn is_value(text: &str) -> bool {
    text.starts_with(['"', '[', '{']) || text == "true" || text == "false"
}

#[test]
fn a_reload_takes_what_the_page_says() {
    let (documented, folder) = (documented(), folder());
    let mut checked = 0;
    let mut path = String::new();
    for line in uncommented() {
        if line.starts_with('[') {
            path = line.trim_matches(['[', ']']).replace("production", "NAME");
            continue;
        }
        let around = AROUND.iter().find(|(known, _)| *known == path);
        let (Some((_, around)), Some((key, _))) = (around, line.split_once(" = ")) else {
            continue;
        };
        let Some(row) = documented[&path]
            .get(key)
            .filter(|row| row.default != "required")
        else {
            continue;
        };
        let without = parts(&folder, &around.replace('@', ""));
        // Not each example goes with the smallest file.
        let Ok(with) = try_parts(&folder, &around.replace('@', line)) else {
            continue;
        };
        let expected = match (with.0 != without.0, with.1 != without.1) {
            (true, false) => "yes",
            (false, true) => "no",
            _ => continue,
        };
        assert_eq!(row.reload, expected, "{path}.{key}");
        // A running program tells of just those that wait for a restart.
        let keys = |text: &str| load(&folder, text).unwrap().start_keys;
        let waits = keys(&around.replace('@', line)) != keys(&around.replace('@', ""));
        assert!(
            waits == (expected == "no") || path == "images",
            "{path}.{key}"
        );
        checked += 1;
    }
    assert!(checked > 15, "{checked}");
}

#[test]
fn whether_a_reload_takes_a_key_is_said_of_each() {
    for (path, rows) in documented() {
        for (key, row) in rows {
            let said = ["yes", "no"].contains(&row.reload.as_str());
            assert!(said, "{path}.{key}: {row:?}");
        }
    }
}
