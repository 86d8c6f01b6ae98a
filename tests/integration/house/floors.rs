//! A room imports from strictly lower floors.

use std::collections::BTreeSet;

use super::source::{Source, room_of};

const FLOORS: [&[&str]; 10] = [
    &[
        "oci",
        "clock",
        "diagnosis",
        "file_access",
        "replica_count",
        "storage_fault",
        "spans",
        "kubernetes::names",
        "http_client",
    ],
    &[
        "report",
        "access",
        "stream",
        "nodes",
        "node_snapshot",
        "nri",
        "kubernetes::exposure",
        "kubernetes::objects",
        "kubernetes::images",
        "kubernetes::doctor",
        "tls::authority",
        "tls::listener",
        "memory",
        "random",
        "tasks",
        "flight",
    ],
    &["trust"],
    &["metrics"],
    &[
        "ledger",
        "uploads",
        "cache",
        "upstream",
        "kubernetes::client",
        "audit",
        "http",
        "api",
        "traces",
    ],
    &["gate", "node_agent", "node_feed", "notify", "tls::manager"],
    &["registry", "admission", "admin", "agents", "console", "ops"],
    &["app", "demo"],
    &["cli"],
    &["main"],
];

pub fn floor(room: &str) -> Option<usize> {
    FLOORS.iter().position(|rooms| rooms.contains(&room))
}

/// Imports that go up or sideways, and rooms that stand nowhere.
pub fn broken(source: &Source) -> Vec<String> {
    let Some(room) = source.room() else {
        return Vec::new();
    };
    let Some(own) = floor(&room) else {
        return vec![format!("{room} stands on no floor ({})", source.path)];
    };
    let paths = source.paths();
    let found = paths.iter().filter_map(|path| {
        let path_from_root = source.rooted(&path.segments)?;
        let other = room_of(&path_from_root).unwrap_or_else(|| path_from_root.join("::"));
        let place = format!("in {}:{}", source.path, path.line);
        match floor(&other) {
            _ if other == room || other.is_empty() => None,
            None => Some(format!("{room} imports {other}, which is no room, {place}")),
            Some(floor) if floor < own => None,
            Some(floor) => Some(format!(
                "{room} (F{own}) imports {other} (F{floor}) {place}"
            )),
        }
    });
    found.collect()
}

/// The rooms of each row of the table of floors, the lowest first.
fn written(page: &str) -> Vec<BTreeSet<String>> {
    let rows = page.lines().filter(|line| line.starts_with("| F"));
    let mut floors: Vec<BTreeSet<String>> = rows.map(rooms_named).collect();
    floors.reverse();
    floors
}

/// What is named as a folder or a file: `tls/manager`, `cli/`, `clock.rs`.
fn rooms_named(row: &str) -> BTreeSet<String> {
    let names = row.split('`').skip(1).step_by(2);
    let places = names.filter(|name| name.contains('/') || name.ends_with(".rs"));
    let room = |place: &str| {
        place
            .trim_end_matches('/')
            .trim_end_matches(".rs")
            .replace('/', "::")
    };
    places.map(room).collect()
}

#[test]
fn the_table_of_floors_names_every_room_on_its_floor() {
    let page = std::fs::read_to_string("docs/architecture.md").unwrap();
    let of = |rooms: &&[&str]| rooms.iter().map(|room| (*room).to_owned()).collect();
    let expected: Vec<BTreeSet<String>> = FLOORS.iter().map(of).collect();
    assert_eq!(written(&page), expected);
}

#[test]
fn allows_only_what_lies_below() {
    for (path, text, expected) in [
        ("src/gate/pull.rs", "use crate::ledger::Ledger;", None),
        ("src/gate/pull.rs", "use crate::gate::Gate;", None),
        (
            "src/gate/pull.rs",
            "use super::Gate; use super::super::trust;",
            None,
        ),
        (
            "src/gate/pull.rs",
            "\n\nuse crate::{oci::Digest, registry::Route};",
            Some("gate (F5) imports registry (F6) in src/gate/pull.rs:3"),
        ),
        (
            "src/cache/mod.rs",
            "fn f() { crate::http::x() }",
            Some("cache (F4) imports http (F4) in src/cache/mod.rs:1"),
        ),
        (
            "src/trust/rule.rs",
            "use super::super::gate;",
            Some("trust (F2) imports gate (F5) in src/trust/rule.rs:1"),
        ),
        (
            "src/trust/mod.rs",
            "use super::gate;",
            Some("trust (F2) imports gate (F5) in src/trust/mod.rs:1"),
        ),
        (
            "src/trust/mod.rs",
            "use crate::Everything;",
            Some("trust imports Everything, which is no room, in src/trust/mod.rs:1"),
        ),
        (
            "src/kubernetes/client/watch.rs",
            "use crate::kubernetes::exposure::Pod; use super::super::doctor::Finding;",
            None,
        ),
        (
            "src/kubernetes/exposure/pod.rs",
            "use crate::kubernetes::{client::Cluster, exposure::Way};",
            Some(
                "kubernetes::exposure (F1) imports kubernetes::client (F4) in src/kubernetes/exposure/pod.rs:1",
            ),
        ),
        (
            "src/kubernetes/exposure/pod.rs",
            "use super::super::doctor;",
            Some(
                "kubernetes::exposure (F1) imports kubernetes::doctor (F1) in src/kubernetes/exposure/pod.rs:1",
            ),
        ),
        (
            "src/gate/pull.rs",
            "use crate::kubernetes;",
            Some("gate imports kubernetes, which is no room, in src/gate/pull.rs:1"),
        ),
        (
            "src/kubernetes/attic/mod.rs",
            "",
            Some("kubernetes::attic stands on no floor (src/kubernetes/attic/mod.rs)"),
        ),
        ("src/kubernetes/mod.rs", "pub mod client;", None),
        (
            "src/attic/mod.rs",
            "",
            Some("attic stands on no floor (src/attic/mod.rs)"),
        ),
    ] {
        let found = broken(&Source::new(path, text));
        let expected: Vec<String> = expected.map(str::to_owned).into_iter().collect();
        assert_eq!(found, expected, "{path}: {text}");
    }
}
