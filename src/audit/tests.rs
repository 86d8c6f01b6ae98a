mod fuzz;
mod places;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::*;

fn config(path: &Path) -> AuditOptions {
    AuditOptions {
        target: AuditTarget::File(path.to_owned()),
        mode: 0o600,
        sync: true,
        rotation: AuditRotation::default(),
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

/// What the lines that are records say, beside their places in the chain.
fn records(path: &Path) -> Vec<Value> {
    let whole = |line: &str| serde_json::from_str::<Value>(line).ok();
    let mut records: Vec<Value> = read(path).lines().filter_map(whole).collect();
    for record in &mut records {
        record.as_object_mut().unwrap().remove("chain");
    }
    records
}

fn numbered(number: u64) -> Value {
    json!({"n": number})
}

fn check(path: &Path) -> AuditCheck {
    check_log(path, &[], |_, _| {}).unwrap()
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
    assert_eq!(records(&path), [user, json!({"a": 1})]);
}

#[tokio::test]
async fn appends_one_line_a_record() {
    let (_folder, path) = place();
    let audit = Audit::open(config(&path)).unwrap();
    let pretty = RawValue::from_string("{\n\"a\":\n1}".to_owned()).unwrap();
    let strange = json!({"x": "x\ny"});
    audit.write(&[&strange, &numbered(2)]).await.unwrap();
    audit.write(&[pretty]).await.unwrap();
    audit.write::<u8>(&[]).await.unwrap();
    assert_eq!(read(&path).lines().count(), 3);
    assert_eq!(records(&path), [strange, numbered(2), json!({"a": 1})]);
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn ends_a_torn_line_and_goes_on() {
    let (_folder, path) = place();
    fs::write(&path, "{\"n\":1}\n{\"tor").unwrap();
    for number in [2, 3] {
        let audit = Audit::open(config(&path)).unwrap();
        audit.write(&[numbered(number)]).await.unwrap();
    }
    assert_eq!(records(&path), [1, 2, 3].map(numbered));
    assert_eq!(read(&path).lines().count(), 4);
    let found = check(&path);
    assert_eq!((found.unchained, found.torn.len(), found.lines), (1, 1, 2));
    assert_eq!(found.faults, []);
}

#[tokio::test]
async fn follows_a_rotation() {
    let (folder, path) = place();
    let rotated = folder.path().join("audit.1");
    let audit = Audit::open(config(&path)).unwrap();
    audit.write(&[numbered(1)]).await.unwrap();
    fs::rename(&path, &rotated).unwrap();
    audit.write(&[numbered(2)]).await.unwrap();
    fs::remove_file(&path).unwrap();
    audit.write(&[numbered(3)]).await.unwrap();
    assert_eq!(records(&rotated), [numbered(1)]);
    assert_eq!(records(&path), [numbered(3)]);
}

#[tokio::test]
async fn keeps_concurrent_batches_whole() {
    let (_folder, path) = place();
    let audit = Audit::open(config(&path)).unwrap();
    let batches = (0..20).map(|batch| {
        let audit = audit.clone();
        async move { audit.write(&vec![numbered(batch); 50]).await.unwrap() }
    });
    futures_util::future::join_all(batches).await;
    let records = records(&path);
    assert_eq!(records.len(), 1000);
    for batch in records.chunks(50) {
        assert!(batch.iter().all(|record| *record == batch[0]));
    }
    assert_eq!((check(&path).lines, check(&path).faults), (1000, vec![]));
}

/// Lines of two would be tied to each other's, and look like tampering.
#[tokio::test]
async fn one_alone_writes_a_log() {
    let (folder, path) = place();
    let first = Audit::open(config(&path)).unwrap();
    first.write(&[numbered(1)]).await.unwrap();
    let taken = |opened: Result<Audit, AuditError>| matches!(opened, Err(AuditError::Taken(_)));
    assert!(taken(Audit::open(config(&path))));
    drop(first);
    let second = Audit::open(config(&path)).unwrap();
    second.write(&[numbered(2)]).await.unwrap();
    // Whoever comes first to the new file has it; the other writes nothing, and says so.
    fs::rename(&path, folder.path().join("audit.jsonl.1")).unwrap();
    let third = Audit::open(config(&path)).unwrap();
    third.write(&[numbered(3)]).await.unwrap();
    let refused = second.write(&[numbered(4)]).await;
    assert!(matches!(refused, Err(AuditError::Taken(_))), "{refused:?}");
    drop(third);
    second.write(&[numbered(4)]).await.unwrap();
    assert_eq!(records(&path), [3, 4].map(numbered));
    assert_eq!(check(&path).faults, []);
}

#[tokio::test]
async fn says_when_it_cannot_write() {
    let (folder, path) = place();
    assert!(matches!(
        Audit::open(config(folder.path())),
        Err(AuditError::Open { .. })
    ));
    let full = Audit::open(config(Path::new("/dev/full"))).unwrap();
    assert!(matches!(
        full.write(&[numbered(1)]).await,
        Err(AuditError::Write(_))
    ));
    let audit = Audit::open(config(&path)).unwrap();
    let unwritable = std::collections::HashMap::from([((1, 2), 3)]);
    let refused = audit.write(&[unwritable]).await;
    assert!(matches!(refused, Err(AuditError::Record(_))));
    let no_object = audit.write(&[1]).await;
    assert!(matches!(no_object, Err(AuditError::Record(_))));
    assert_eq!(read(&path), "");
}

#[test]
fn takes_a_dash_for_standard_output() {
    assert_eq!("-".parse(), Ok(AuditTarget::Stdout));
    assert_eq!("a/b".parse(), Ok(AuditTarget::File("a/b".into())));
}

const FIRST: &str = "11111111111111111111111111111111";
const OTHER: &str = "22222222222222222222222222222222";

fn marked(id: &str, change: u64) -> String {
    format!(
        "{}\n",
        json!({"record": "act", "ledger": {"id": id, "change": change}})
    )
}

#[test]
fn the_newest_mark_is_of_the_last_ledger_whatever_the_order_of_its_lines() {
    let (_folder, path) = place();
    let newest = || newest_mark(&path).unwrap();
    assert_eq!(newest(), None);
    fs::write(&path, "").unwrap();
    assert_eq!(newest(), None);
    let old = "{\"id\":\"a line of an earlier version\"}\n";
    let text = [
        marked(OTHER, 99),
        marked(FIRST, 7),
        marked(FIRST, 6),
        old.to_owned(),
        "{\"ledger\": {\"tor".to_owned(),
    ];
    fs::write(&path, text.concat()).unwrap();
    let mark = newest().unwrap();
    assert_eq!((mark.id.as_str(), mark.change), (FIRST, 7));
    // Far behind a long line.
    let long = format!("{}{}\n", marked(FIRST, 8), "x".repeat(900_000));
    fs::write(&path, long).unwrap();
    assert_eq!(newest().unwrap().change, 8);
}

#[test]
fn the_newest_mark_is_found_where_the_log_was_rotated_to() {
    let (folder, path) = place();
    let rotated = |name: &str, text: &str, age: u64| {
        let file = folder.path().join(name);
        fs::write(&file, text).unwrap();
        let now = std::time::SystemTime::now();
        let then = now - std::time::Duration::from_secs(age);
        fs::File::open(&file).unwrap().set_modified(then).unwrap();
    };
    rotated("audit.jsonl.2", &marked(FIRST, 5), 20);
    rotated("audit.jsonl.1", &marked(FIRST, 9), 10);
    rotated("audit.jsonl.3.gz", "\u{1f}\u{8b}", 5);
    rotated("other.jsonl", &marked(OTHER, 50), 0);
    fs::write(&path, "").unwrap();
    assert_eq!(newest_mark(&path).unwrap().unwrap().change, 9);
    assert!(
        newest_mark(&folder.path().join("gone/audit.jsonl"))
            .unwrap()
            .is_none()
    );
}
