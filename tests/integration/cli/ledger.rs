//! Commands that go straight to the ledger.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::program::{Program, scratch};
use crate::lab::{Missing, as_root, installed, or_skip};

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

/// Runs the program where `disk` is one of 96 KiB; then what lies on it.
fn on_full_disk(disk: &Path, arguments: &[&str]) -> Result<(Output, String), Missing> {
    as_root()?;
    let script =
        "mount -t tmpfs -o size=96k tmpfs \"$0\" && { \"$@\"; code=$?; ls -A \"$0\"; exit $code; }";
    let mut command = Command::new(installed("unshare")?);
    command.args(["--mount", "sh", "-c", script]).arg(disk);
    command.arg(env!("CARGO_BIN_EXE_sekisho")).args(arguments);
    let ran = command.output().unwrap();
    let told = String::from_utf8_lossy(&ran.stderr).into_owned();
    Ok((ran, told))
}

#[test]
fn a_copy_that_finds_no_room_is_named_and_leaves_nothing() {
    let (folder, file) = configured();
    create("ci").config(&file).run();
    let disk = folder.path().join("disk");
    fs::create_dir(&disk).unwrap();
    let config = file.to_str().unwrap();
    let target = disk.join("backup.db");
    let arguments = [
        "ledger",
        "backup",
        target.to_str().unwrap(),
        "--config",
        config,
    ];
    let (ran, told) = or_skip!(on_full_disk(&disk, &arguments));
    assert_eq!(ran.status.code(), Some(1), "{told}");
    let named = format!(
        "sekisho: {} cannot be written: the disk is full",
        target.display()
    );
    assert!(told.starts_with(&named), "{told}");
    assert!(told.contains("free space there"), "{told}");
    assert_eq!(String::from_utf8_lossy(&ran.stdout), "");

    let backup = folder.path().join("backup.db");
    let run = Program::new(&["ledger", "backup"]).arg(&backup);
    assert_eq!(run.config(&file).run().code, 0);
    let other = folder.path().join("other.toml");
    fs::write(&other, "data_dir = \"disk\"\n").unwrap();
    let arguments = [
        "ledger",
        "restore",
        backup.to_str().unwrap(),
        "--accept-loss",
        "--config",
        other.to_str().unwrap(),
    ];
    let (ran, told) = or_skip!(on_full_disk(&disk, &arguments));
    assert_eq!(ran.status.code(), Some(1), "{told}");
    let restored = disk.join("ledger.db.restored");
    let named = format!(
        "sekisho: {} cannot be written: the disk is full",
        restored.display()
    );
    assert!(told.starts_with(&named), "{told}");
    assert_eq!(String::from_utf8_lossy(&ran.stdout), "ledger.db.lock\n");
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
