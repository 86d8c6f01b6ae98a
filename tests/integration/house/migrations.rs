//! Migrations only add: a program of the release before goes on writing the same ledger
//! while the next one is rolled out.

use std::fs;
use std::path::{Path, PathBuf};

/// The newest migration of the first release whose ledger several programs serve. A file
/// has one `serve`, so what was taken away before, nobody used any more.
const FIRST_SHARED: u32 = 12;
/// What takes something away from under a program that runs.
const TAKES_AWAY: [&str; 6] = [
    "DROP",
    "RENAME",
    "TRUNCATE",
    "ALTER COLUMN",
    "DELETE FROM",
    "SET NOT NULL",
];

fn scripts(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        match path.is_dir() {
            true => found.extend(scripts(&path)),
            false => found.push(path),
        }
    }
    found
}

fn number(path: &Path) -> u32 {
    let name = path.file_name().unwrap().to_str().unwrap();
    let number = name.split('_').next().and_then(|it| it.parse().ok());
    number.unwrap_or_else(|| panic!("{name} has no number"))
}

/// In capitals, without comments, words parted by one space.
fn statements(text: &str) -> Vec<String> {
    let lines = text.lines().map(|line| line.split("--").next().unwrap());
    let bare = lines.collect::<Vec<_>>().join(" ").to_uppercase();
    let plain = |statement: &str| statement.split_whitespace().collect::<Vec<_>>().join(" ");
    bare.split(';')
        .map(plain)
        .filter(|it| !it.is_empty())
        .collect()
}

/// What is wrong with a statement.
fn broken(statement: &str) -> Option<String> {
    let words = format!(" {statement} ");
    let taken = TAKES_AWAY
        .iter()
        .find(|it| words.contains(&format!(" {it} ")));
    let is_demanding = statement.contains("ADD COLUMN")
        && statement.contains("NOT NULL")
        && !statement.contains("DEFAULT");
    match taken {
        Some(taken) => Some(format!("{taken} in: {statement}")),
        None => is_demanding.then(|| format!("older programs write no such column: {statement}")),
    }
}

#[test]
fn migrations_of_a_shared_ledger_only_add() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/ledger/migrations");
    let found = scripts(&folder);
    assert!(found.len() >= 6);
    for path in found.iter().filter(|path| number(path) > FIRST_SHARED) {
        let on_server = path.parent().unwrap().ends_with("postgres");
        let made = statements(&fs::read_to_string(path).unwrap()).into_iter();
        // A file has one program, and an index that it does not ask takes room alone.
        for statement in made.filter(|it| on_server || !it.starts_with("DROP INDEX ")) {
            let problem = broken(&statement);
            assert_eq!(problem, None, "{}", path.display());
        }
    }
}

#[test]
fn what_takes_away_is_recognised() {
    for bad in [
        "ALTER TABLE scans DROP COLUMN worst",
        "ALTER TABLE scans ADD COLUMN n INTEGER NOT NULL",
        "DROP INDEX\n  x -- gone",
        "delete from facts",
    ] {
        assert!(
            statements(bad).iter().any(|it| broken(it).is_some()),
            "{bad}"
        );
    }
    for good in [
        "ALTER TABLE scans ADD COLUMN n INTEGER NOT NULL DEFAULT 0",
        "CREATE TABLE leases (name TEXT NOT NULL) STRICT; -- never DROP it",
        "CREATE INDEX dropped ON scans (n)",
    ] {
        assert!(
            statements(good).iter().all(|it| broken(it).is_none()),
            "{good}"
        );
    }
}
