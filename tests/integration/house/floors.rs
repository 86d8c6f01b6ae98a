//! A room imports from strictly lower floors.

use super::source::Source;

const FLOORS: [&[&str]; 9] = [
    &["oci"],
    &[
        "authority",
        "report",
        "manifests",
        "access",
        "stream",
        "nodes",
        "installation",
        "reach",
        "doctor",
        "metrics",
        "tasks",
        "flight",
    ],
    &["trust"],
    &[
        "ledger", "cache", "upstream", "cluster", "audit", "http", "api",
    ],
    &["gate"],
    &["registry", "admission", "admin", "ops"],
    &["app", "demo"],
    &["cli"],
    &["main"],
];

pub fn floor(room: &str) -> Option<usize> {
    FLOORS.iter().position(|rooms| rooms.contains(&room))
}

/// Imports that go up or sideways, and rooms that stand nowhere.
pub fn broken(source: &Source) -> Vec<String> {
    let room = source.room();
    if room == "lib" {
        return Vec::new();
    }
    let Some(own) = floor(room) else {
        return vec![format!("{room} stands on no floor ({})", source.path)];
    };
    let paths = source.paths();
    let found = paths.iter().filter_map(|path| {
        let other = other_room(&path.segments, depth(source))?;
        let place = format!("in {}:{}", source.path, path.line);
        match floor(other) {
            _ if other == room => None,
            None => Some(format!("{room} imports {other}, which is no room, {place}")),
            Some(floor) if floor < own => None,
            Some(floor) => Some(format!(
                "{room} (F{own}) imports {other} (F{floor}) {place}"
            )),
        }
    });
    found.collect()
}

/// The room that a path from the crate's root leads to, written with `crate`,
/// the library's name or a ladder of `super`.
fn other_room(segments: &[String], depth: usize) -> Option<&str> {
    let supers = segments.iter().take_while(|word| *word == "super").count();
    let rooted = match segments.first()?.as_str() {
        "crate" | "sekisho" => 1,
        "super" if supers >= depth => supers,
        _ => return None,
    };
    segments.get(rooted).map(String::as_str)
}

/// How many modules a file lies below the crate's root.
fn depth(source: &Source) -> usize {
    let parts = source.path.split('/').count() - 1;
    if source.is_front_door() {
        parts - 1
    } else {
        parts
    }
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
            Some("gate (F4) imports registry (F5) in src/gate/pull.rs:3"),
        ),
        (
            "src/cache/mod.rs",
            "fn f() { crate::http::x() }",
            Some("cache (F3) imports http (F3) in src/cache/mod.rs:1"),
        ),
        (
            "src/trust/rule.rs",
            "use super::super::gate;",
            Some("trust (F2) imports gate (F4) in src/trust/rule.rs:1"),
        ),
        (
            "src/trust/mod.rs",
            "use super::gate;",
            Some("trust (F2) imports gate (F4) in src/trust/mod.rs:1"),
        ),
        (
            "src/trust/mod.rs",
            "use crate::Everything;",
            Some("trust imports Everything, which is no room, in src/trust/mod.rs:1"),
        ),
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
