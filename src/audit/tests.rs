use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::json;
use serde_json::value::RawValue;

use super::*;

fn config(path: &Path) -> AuditOptions {
    AuditOptions {
        target: AuditTarget::File(path.to_owned()),
        mode: 0o600,
        sync: true,
    }
}

fn place() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    (folder, path)
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

#[tokio::test]
async fn escapes_control_characters_without_changing_a_record() {
    let (_folder, path) = place();
    let audit = Audit::open(config(&path)).unwrap();
    let user = json!({"user": "a\u{1b}[2J\u{9b}\u{7f}\u{202e}é"});
    let raw = RawValue::from_string("{\r\n\t\"a\":1}".to_owned()).unwrap();
    audit.write(&[&user]).await.unwrap();
    audit.write(&[raw]).await.unwrap();
    let text = read(&path);
    assert!(
        !text.chars().any(|it| it.is_control() && it != '\n'),
        "{text:?}"
    );
    let records: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(records, [user, json!({"a": 1})]);
}

#[tokio::test]
async fn appends_one_line_a_record() {
    let (_folder, path) = place();
    let audit = Audit::open(config(&path)).unwrap();
    let pretty = RawValue::from_string("{\n\"a\":\n1}".to_owned()).unwrap();
    audit.write(&[json!("x\ny"), json!(2)]).await.unwrap();
    audit.write(&[pretty]).await.unwrap();
    audit.write::<u8>(&[]).await.unwrap();
    assert_eq!(read(&path), "\"x\\ny\"\n2\n{ \"a\": 1}\n");
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn ends_a_torn_line_and_goes_on() {
    let (_folder, path) = place();
    fs::write(&path, "1\n{\"tor").unwrap();
    let audit = Audit::open(config(&path)).unwrap();
    audit.write(&[2]).await.unwrap();
    drop(audit);
    let audit = Audit::open(config(&path)).unwrap();
    audit.write(&[3]).await.unwrap();
    assert_eq!(read(&path), "1\n{\"tor\n2\n3\n");
}

#[tokio::test]
async fn follows_a_rotation() {
    let (folder, path) = place();
    let rotated = folder.path().join("audit.1");
    let audit = Audit::open(config(&path)).unwrap();
    audit.write(&[1]).await.unwrap();
    fs::rename(&path, &rotated).unwrap();
    audit.write(&[2]).await.unwrap();
    fs::remove_file(&path).unwrap();
    audit.write(&[3]).await.unwrap();
    assert_eq!((read(&rotated), read(&path)), ("1\n".into(), "3\n".into()));
}

#[tokio::test]
async fn keeps_concurrent_batches_whole() {
    let (_folder, path) = place();
    let audit = Audit::open(config(&path)).unwrap();
    let batches = (0..20).map(|batch| {
        let audit = audit.clone();
        async move { audit.write(&[batch; 50]).await.unwrap() }
    });
    futures_util::future::join_all(batches).await;
    let text = read(&path);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 1000);
    for batch in lines.chunks(50) {
        assert!(batch.iter().all(|line| *line == batch[0]));
    }
}

#[tokio::test]
async fn says_when_it_cannot_write() {
    let (folder, path) = place();
    assert!(matches!(
        Audit::open(config(folder.path())),
        Err(AuditError::Open { .. })
    ));
    let full = Audit::open(config(Path::new("/dev/full"))).unwrap();
    assert!(matches!(full.write(&[1]).await, Err(AuditError::Write(_))));
    let audit = Audit::open(config(&path)).unwrap();
    let unwritable = std::collections::HashMap::from([((1, 2), 3)]);
    assert!(matches!(
        audit.write(&[unwritable]).await,
        Err(AuditError::Record(_))
    ));
    assert_eq!(read(&path), "");
}

#[test]
fn takes_a_dash_for_standard_output() {
    assert_eq!("-".parse(), Ok(AuditTarget::Stdout));
    assert_eq!("a/b".parse(), Ok(AuditTarget::File("a/b".into())));
}
