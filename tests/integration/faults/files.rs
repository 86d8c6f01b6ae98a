//! Files that hold keys and certificates, damaged while the program did not run: it says which
//! and does not start, or starts as it was; it never goes on with others in their place.

use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use sekisho::app::App;
use sekisho::app::config::Config;

use crate::kit::Running;
use crate::kit::lab::Lab;
use crate::lab::Authority;

const AUTO: &str = "[[listeners]]\naddress = \"127.0.0.1:0\"\nenvironment = \"production\"\n\
                    tls = \"auto\"\n";
const REST: &str = "[environments.production]\n";

/// What becomes of a file that a crash, a full disk or a hand damaged.
fn damaged(whole: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let half = whole[..whole.len() / 2].to_vec();
    let mut changed = whole.to_vec();
    // Within the Base64 of what PEM holds.
    changed[whole.len() / 2] = b'!';
    vec![
        ("empty", Vec::new()),
        ("cut off", half),
        ("changed", changed),
        ("zeros", vec![0; whole.len()]),
        ("long", vec![b'A'; 4 << 20]),
    ]
}

/// What the start says; `None`: it starts, and is stopped.
async fn said(file: &Path) -> Option<String> {
    let config = match Config::load(Some(file), |_| None, Timestamp::now()) {
        Ok(config) => config,
        Err(problems) => return Some(problems.to_string()),
    };
    match App::start(config).await {
        Ok(app) => {
            app.stop().await;
            None
        }
        Err(error) => Some(error.to_string()),
    }
}

/// Each damage to the file is told by its name, and left as it is.
async fn every_damage_is_told(running: &Running, path: &Path) {
    let whole = fs::read(path).unwrap();
    let name = path.file_name().unwrap().to_str().unwrap();
    for (how, bytes) in damaged(&whole) {
        fs::write(path, &bytes).unwrap();
        let said = said(&running.file()).await;
        let said = said.unwrap_or_else(|| panic!("{name}, {how}: it starts"));
        assert!(said.contains(name), "{name}, {how}: {said}");
        assert!(said.len() < 2000, "{name}, {how}: {said}");
        assert!(fs::read(path).unwrap() == bytes, "{name}, {how}: another");
    }
    fs::write(path, whole).unwrap();
    assert_eq!(said(&running.file()).await, None, "{name}");
}

#[tokio::test]
async fn an_authority_whose_files_are_damaged_is_told_and_never_replaced() {
    let running = Lab::with(AUTO, REST).await.ended().await;
    let folder = running.data().join("authority/current");
    let bundle = fs::read(folder.join("ca.crt")).unwrap();
    let files: Vec<PathBuf> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    for needed in ["ca.crt", "ca.key"] {
        assert!(files.contains(&folder.join(needed)), "{files:?}");
        every_damage_is_told(&running, &folder.join(needed)).await;
    }
    assert!(fs::read(folder.join("ca.crt")).unwrap() == bundle);
}

/// In a folder of data of its own each time: what fails that late still holds the ledger.
#[tokio::test]
async fn certificates_and_keys_that_are_damaged_are_told() {
    let listener = AUTO.replace(
        "\"auto\"",
        "{ certificate = \"tls.crt\", key = \"tls.key\" }",
    );
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::create();
    let (certificate, key) = authority.leaf("localhost");
    fs::copy(certificate, folder.path().join("tls.crt")).unwrap();
    fs::copy(key, folder.path().join("tls.key")).unwrap();
    let running = Lab::inside(folder, &listener, REST).await.ended().await;
    let text = fs::read_to_string(running.file()).unwrap();
    for name in ["tls.crt", "tls.key"] {
        let path = running.folder.path().join(name);
        let whole = fs::read(&path).unwrap();
        for (how, bytes) in damaged(&whole) {
            let elsewhere = format!("data_dir = \"{name} {how}\"");
            let text = text.replace("data_dir = \"data\"", &elsewhere);
            fs::write(running.file(), text).unwrap();
            fs::write(&path, &bytes).unwrap();
            let said = said(&running.file()).await;
            let said = said.unwrap_or_else(|| panic!("{name}, {how}: it starts"));
            assert!(said.contains(name), "{name}, {how}: {said}");
        }
        fs::write(&path, whole).unwrap();
    }
}

/// The next start makes another one.
#[tokio::test]
async fn a_damaged_admin_token_is_made_anew() {
    let running = Lab::start().await.ended().await;
    let file = running.data().join("admin.token");
    let before = fs::read(&file).unwrap();
    for (how, bytes) in damaged(&before) {
        fs::write(&file, &bytes).unwrap();
        assert_eq!(said(&running.file()).await, None, "{how}");
        let after = fs::read(&file).unwrap();
        assert!(after != bytes && after != before, "{how}");
    }
}

/// Records that are lost are told, not begun anew in silence.
#[tokio::test]
async fn a_ledger_that_is_damaged_is_told_and_left_alone() {
    let running = Lab::start().await.ended().await;
    let file = running.data().join("ledger.db");
    let whole = fs::read(&file).unwrap();
    for (how, bytes) in damaged(&whole) {
        if how == "changed" {
            // A byte somewhere: SQLite keeps no sums.
            continue;
        }
        fs::write(&file, &bytes).unwrap();
        let said = said(&running.file()).await;
        let said = said.unwrap_or_else(|| panic!("{how}: it starts"));
        assert!(said.contains("ledger"), "{how}: {said}");
    }
    fs::write(&file, whole).unwrap();
    assert_eq!(said(&running.file()).await, None);
}
