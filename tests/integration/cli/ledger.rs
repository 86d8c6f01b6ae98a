//! Commands that go straight to the ledger.

use std::fs;
use std::path::PathBuf;

use super::program::{Program, scratch};

fn configured() -> (tempfile::TempDir, PathBuf) {
    let folder = scratch();
    let file = folder.path().join("sekisho.toml");
    fs::write(&file, "data_dir = \"data\"\n").unwrap();
    (folder, file)
}

fn create(name: &str) -> Program {
    Program::new(&[
        "token", "create", "--role", "scanner", "--output", "json", "--name", name,
    ])
}

#[test]
fn a_token_is_written_straight_to_the_ledger() {
    let (folder, file) = configured();
    let run = create("ci")
        .arg("--repository")
        .arg("a.b/**")
        .config(&file)
        .run();
    assert_eq!(run.code, 0, "{run:?}");
    let made: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert!(
        made["secret"].as_str().unwrap().starts_with("sks_"),
        "{run:?}"
    );
    assert_eq!(made["token"]["repositories"][0], "a.b/**");
    assert!(folder.path().join("data/ledger.db").exists());

    let run = create("ci").config(&file).run();
    assert_eq!(run.code, 1, "{run:?}");
    assert!(run.stderr.contains("\"ci\""), "{run:?}");
}

#[test]
fn a_backup_is_verified_and_replaces_nothing() {
    let (folder, file) = configured();
    create("ci").config(&file).run();
    let target = folder.path().join("backup.db");
    let backup = || {
        let run = Program::new(&["ledger", "backup"]).arg(&target);
        run.config(&file).run()
    };
    let run = backup();
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.stdout.contains("1 change,"), "{run:?}");
    let run = backup();
    assert_eq!(run.code, 1, "{run:?}");
    assert!(run.stderr.contains("never replaces"), "{run:?}");
}

#[test]
fn there_is_nothing_to_back_up_before_the_first_record() {
    let (folder, file) = configured();
    let target = folder.path().join("backup.db");
    let run = Program::new(&["ledger", "backup"])
        .arg(&target)
        .config(&file)
        .run();
    assert_eq!(run.code, 1, "{run:?}");
    assert!(run.stderr.contains("there is no ledger at"), "{run:?}");
    assert!(!folder.path().join("data").exists());
}

#[test]
fn what_is_no_ledger_is_not_verified() {
    let folder = scratch();
    let file = folder.path().join("x.db");
    fs::write(&file, "no database").unwrap();
    let run = Program::new(&["ledger", "verify"]).arg(&file).run();
    assert_eq!(run.code, 1, "{run:?}");
}
