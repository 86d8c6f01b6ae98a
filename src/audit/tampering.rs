//! What a changed log shows.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;

use super::*;

fn options(path: &Path, rotation: AuditRotation) -> AuditOptions {
    AuditOptions {
        target: AuditTarget::File(path.to_owned()),
        mode: 0o640,
        sync: false,
        rotation,
    }
}

/// A log of so many records, and where it ends.
async fn log_of(count: u64, rotation: AuditRotation) -> (tempfile::TempDir, PathBuf, ChainEnd) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let audit = Audit::open(options(&path, rotation)).unwrap();
    for number in 0..count {
        audit.write(&[json!({"n": number})]).await.unwrap();
    }
    let end = audit.end().await;
    (folder, path, end)
}

fn lines(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// What the ledger knows of a log at that place.
fn known(end: &ChainEnd, place: Option<String>) -> KnownEnd {
    KnownEnd {
        end: end.clone(),
        place,
        may_be_removed: false,
        keeps_all: false,
    }
}

fn told(path: &Path, seals: &[ChainEnd]) -> Vec<String> {
    let seals: Vec<_> = seals.iter().map(|it| known(it, None)).collect();
    told_of(path, &seals)
}

fn told_of(path: &Path, seals: &[KnownEnd]) -> Vec<String> {
    let found = check_log(path, seals, |_, _| {}).unwrap();
    assert_eq!(found.fault_count, found.faults.len() as u64);
    found.faults.iter().map(ToString::to_string).collect()
}

/// What is said of a log of five lines after this was done to them.
async fn after(change: impl FnOnce(&mut Vec<String>)) -> Vec<String> {
    let (_folder, path, end) = log_of(5, AuditRotation::default()).await;
    assert_eq!(
        told(&path, std::slice::from_ref(&end)),
        Vec::<String>::new()
    );
    let mut lines = lines(&path);
    change(&mut lines);
    fs::write(&path, format!("{}\n", lines.join("\n"))).unwrap();
    let folder = path.parent().unwrap().display().to_string();
    let told = told(&path, &[end]).into_iter();
    told.map(|it| it.replace(&format!("{folder}/"), ""))
        .collect()
}

#[tokio::test]
async fn a_changed_line_is_named() {
    let told = after(|lines| lines[1] = lines[1].replace("\"n\":1", "\"n\":7")).await;
    assert_eq!(told, ["audit.jsonl:2: line 2 of the log was changed"]);
}

#[tokio::test]
async fn missing_lines_are_named() {
    let told = after(|lines| drop(lines.drain(1..3))).await;
    let missing = "audit.jsonl:2: lines 2 to 3 of the log are missing before this one";
    assert_eq!(told, [missing]);
}

#[tokio::test]
async fn a_moved_line_is_named() {
    let told = after(|lines| lines.swap(2, 3)).await;
    assert!(
        told[0].starts_with("audit.jsonl:3: lines 3 to 3"),
        "{told:?}"
    );
    assert!(told[1].starts_with("audit.jsonl:4: line 3 of the log stands here after line 4"));
}

#[tokio::test]
async fn a_line_that_was_put_in_is_named() {
    let told = after(|lines| lines.insert(2, "{\"n\":9}".to_owned())).await;
    assert_eq!(
        told,
        ["audit.jsonl:3: a line that is no record of the log was put in"]
    );
    let told = after(|lines| lines.insert(2, lines[0].clone())).await;
    assert!(
        told[0].starts_with("audit.jsonl:3: line 1 of the log stands here"),
        "{told:?}"
    );
}

/// The chain alone cannot show it: the ledger knows where it ended.
#[tokio::test]
async fn an_end_that_was_cut_off_shows_by_what_the_ledger_knows() {
    let told = after(|lines| lines.truncate(3)).await;
    assert!(
        told[0].ends_with("ends at line 3, and the ledger knows line 5 of it"),
        "{told:?}"
    );
}

#[tokio::test]
async fn a_log_that_was_written_anew_shows_by_what_the_ledger_knows() {
    let (_folder, path, end) = log_of(5, AuditRotation::default()).await;
    let mut forged = ChainEnd {
        line: 0,
        hash: None,
        ..end.clone()
    };
    let text: Vec<String> = (0..9).map(|_| forged.tie("{}").unwrap()).collect();
    fs::write(&path, format!("{}\n", text.join("\n"))).unwrap();
    assert_eq!(told(&path, &[]), Vec::<String>::new());
    let told = told(&path, &[end]);
    assert!(
        told[0].ends_with("is another one than the ledger knows"),
        "{told:?}"
    );
}

/// After that a gateway begins a log anew, which is sound by itself.
#[tokio::test]
async fn a_log_that_is_gone_with_all_its_files_shows_by_what_the_ledger_knows() {
    let (_folder, path, end) = log_of(5, AuditRotation::default()).await;
    let lost = known(&end, Some(log_place(&path)));
    let gone = format!(
        "nothing is left of the log {}, and the ledger knows it to line 5",
        end.log
    );
    fs::remove_file(&path).unwrap();
    let audit = Audit::open(options(&path, AuditRotation::default())).unwrap();
    assert_eq!(
        told_of(&path, std::slice::from_ref(&lost)),
        std::slice::from_ref(&gone)
    );

    audit.write(&[json!({})]).await.unwrap();
    let anew = known(&audit.end().await, Some(log_place(&path)));
    assert_eq!(
        told_of(&path, &[lost.clone(), anew.clone()]),
        std::slice::from_ref(&gone)
    );
    // Also of a copy on another machine.
    let copy = tempfile::tempdir().unwrap();
    let copied = copy.path().join("copy.jsonl");
    fs::copy(&path, &copied).unwrap();
    assert_eq!(told_of(&copied, &[lost, anew]), [gone]);
}

#[tokio::test]
async fn a_log_of_which_no_line_is_readable_shows_by_what_the_ledger_knows() {
    let told = after(|lines| lines.iter_mut().for_each(|it| it.truncate(9))).await;
    assert!(
        told[0].starts_with("nothing is left of the log"),
        "{told:?}"
    );
    let told = after(|lines| lines.clear()).await;
    assert!(
        told.last().unwrap().starts_with("nothing is left"),
        "{told:?}"
    );
}

#[tokio::test]
async fn a_log_that_retention_removed_and_one_of_another_replica_are_no_fault() {
    let (_folder, path, end) = log_of(2, AuditRotation::default()).await;
    let other = |log: &str, place: &str| {
        let log = log.to_owned();
        known(&ChainEnd { log, ..end.clone() }, Some(place.to_owned()))
    };
    let removed = KnownEnd {
        may_be_removed: true,
        ..other("old", &log_place(&path))
    };
    let replica = other("replica", "gateway-1:/var/lib/sekisho/audit.jsonl");
    let own = known(&end, Some(log_place(&path)));
    let found = check_log(&path, &[removed, replica.clone(), own], |_, _| {}).unwrap();
    assert_eq!((found.faults, found.elsewhere), (vec![], vec![replica]));
}

#[tokio::test]
async fn the_chain_goes_on_through_rotated_files_and_restarts() {
    let rotation = AuditRotation {
        max_size: Some(700),
        retention: None,
    };
    let (folder, path, end) = log_of(20, rotation).await;
    let audit = Audit::open(options(&path, rotation)).unwrap();
    assert_eq!(audit.end().await, end);
    audit.write(&[json!({"n": 20})]).await.unwrap();
    let end = audit.end().await;
    let found = check_log(&path, &[known(&end, None)], |_, _| {}).unwrap();
    assert!(found.files.len() > 3, "{found:?}");
    assert_eq!((found.lines, found.faults), (21, vec![]));
    // A whole file that is missing.
    fs::remove_file(&found.files[1]).unwrap();
    assert_eq!(told(&path, &[]).len(), 1);
    drop(folder);
}

#[tokio::test]
async fn a_compressed_file_is_read() {
    let rotation = AuditRotation {
        max_size: Some(700),
        retention: None,
    };
    let (_folder, path, end) = log_of(20, rotation).await;
    let first = check_log(&path, &[], |_, _| {}).unwrap().files[0].clone();
    let mut packed = first.clone().into_os_string();
    packed.push(".gz");
    let file = fs::File::create(packed).unwrap();
    let mut gzip = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
    std::io::Write::write_all(&mut gzip, &fs::read(&first).unwrap()).unwrap();
    gzip.finish().unwrap();
    fs::remove_file(&first).unwrap();
    let found = check_log(&path, &[known(&end, None)], |_, _| {}).unwrap();
    assert_eq!((found.lines, found.faults), (20, vec![]));
}

#[tokio::test]
async fn what_was_put_aside_is_removed_after_its_time_and_not_before() {
    let rotation = |hours: u64| AuditRotation {
        max_size: Some(1),
        retention: Some(Duration::from_secs(3600 * hours)),
    };
    let (folder, path, _) = log_of(3, rotation(2)).await;
    let files = || fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(files(), 4);
    for file in fs::read_dir(folder.path()).unwrap() {
        let file = fs::File::open(file.unwrap().path()).unwrap();
        let now = std::time::SystemTime::now();
        file.set_modified(now - Duration::from_secs(3 * 3600))
            .unwrap();
    }
    let audit = Audit::open(options(&path, rotation(2))).unwrap();
    audit.write(&[json!({})]).await.unwrap();
    assert_eq!(files(), 2);
}

#[tokio::test]
async fn retention_removes_no_log_that_another_process_writes() {
    let rotation = AuditRotation {
        max_size: Some(1),
        retention: Some(Duration::from_secs(3600)),
    };
    let (folder, path, _) = log_of(1, rotation).await;
    let other = folder.path().join("audit.jsonl-of-another");
    let another = Audit::open(options(&other, AuditRotation::default())).unwrap();
    another.write(&[json!({})]).await.unwrap();
    let file = fs::File::open(&other).unwrap();
    let long_ago = std::time::SystemTime::now() - Duration::from_secs(7200);
    file.set_modified(long_ago).unwrap();
    let audit = Audit::open(options(&path, rotation)).unwrap();
    audit.write(&[json!({})]).await.unwrap();
    assert!(other.exists());
    drop(another);
}

/// An operator may keep notes, and copies, beside the log.
#[tokio::test]
async fn retention_removes_only_what_rotation_put_aside() {
    let rotation = AuditRotation {
        max_size: Some(1),
        retention: Some(Duration::from_secs(3600)),
    };
    let (folder, path, end) = log_of(1, rotation).await;
    let own = format!("audit.jsonl.{}-000000000001.gz", end.log);
    let kept = [
        "audit.jsonl.notes",
        "audit.jsonl.1.gz",
        "audit.jsonl-2026-07-01",
        "audit.jsonl.0123456789abcdef-1",
        "audit.jsonl.0123456789abcdeg-000000000001",
        "audit.jsonl.0123456789abcdef-000000000001.bak",
    ];
    let long_ago = std::time::SystemTime::now() - Duration::from_secs(7200);
    for name in kept.into_iter().chain([&*own]) {
        let file = fs::File::create(folder.path().join(name)).unwrap();
        file.set_modified(long_ago).unwrap();
    }
    let audit = Audit::open(options(&path, rotation)).unwrap();
    audit.write(&[json!({})]).await.unwrap();
    for name in kept {
        assert!(folder.path().join(name).exists(), "{name}");
    }
    assert!(!folder.path().join(own).exists());
}

/// Whoever may write into the folder may add a log of a name of their own.
#[tokio::test]
async fn a_log_that_the_ledger_does_not_know_is_named() {
    let (folder, path, end) = log_of(3, AuditRotation::default()).await;
    let mut forged = ChainEnd {
        log: "deadbeefdeadbeef".to_owned(),
        line: 0,
        hash: None,
    };
    let other = folder.path().join("audit.jsonl.deadbeef");
    fs::write(&other, forged.tie("{}").unwrap() + "\n").unwrap();
    let unknown = format!(
        "{}:1: the ledger does not know the log deadbeefdeadbeef, which begins here",
        other.display()
    );
    assert_eq!(told(&path, &[end]), [unknown]);
    // Of a ledger that cannot be asked nothing can be told.
    assert_eq!(told(&path, &[]), Vec::<String>::new());
}

/// The ledger notes a new log some seconds after its first line.
#[tokio::test]
async fn a_log_that_has_just_begun_is_no_fault() {
    let (_folder, path, end) = log_of(3, AuditRotation::default()).await;
    let other = ChainEnd {
        log: "another".to_owned(),
        ..end
    };
    let replica = known(&other, Some("gateway-1:/audit.jsonl".to_owned()));
    assert_eq!(told_of(&path, &[replica]), Vec::<String>::new());
}

#[tokio::test]
async fn a_missing_beginning_is_a_fault_where_nothing_is_ever_removed() {
    let rotation = AuditRotation {
        max_size: Some(700),
        retention: None,
    };
    let (_folder, path, end) = log_of(20, rotation).await;
    let mut seal = known(&end, Some(log_place(&path)));
    seal.keeps_all = true;
    assert_eq!(told_of(&path, &[seal.clone()]), Vec::<String>::new());
    let files = check_log(&path, &[], |_, _| {}).unwrap().files;
    fs::remove_file(&files[0]).unwrap();
    let found = check_log(&path, &[seal.clone()], |_, _| {}).unwrap();
    let first = found.chains[&end.log].first;
    assert!(first > 1);
    let begins = format!(
        "the log {} begins at line {first}, and no retention removes what came before it",
        end.log
    );
    assert_eq!(told_of(&path, &[seal.clone()]), [begins]);
    seal.keeps_all = false;
    assert_eq!(told_of(&path, &[seal]), Vec::<String>::new());
}

/// Some other program may rotate it, too.
#[tokio::test]
async fn a_log_that_rotates_while_it_is_checked_is_sound() {
    let rotation = AuditRotation {
        max_size: Some(700),
        retention: None,
    };
    let (folder, path, end) = log_of(20, rotation).await;
    let audit = Audit::open(options(&path, AuditRotation::default())).unwrap();
    audit.write(&[json!({"n": 20})]).await.unwrap();
    let mut turns = 0;
    let rotate = |_: &Path, _| {
        turns += 1;
        if turns == 1 {
            fs::rename(&path, folder.path().join("audit.jsonl.newest")).unwrap();
            fs::write(&path, "").unwrap();
        }
    };
    let found = check_log(&path, &[known(&end, None)], rotate).unwrap();
    assert!(found.files.len() > 3, "{found:?}");
    assert_eq!((found.lines, found.faults), (21, vec![]));
}

/// Nothing that comes later vouches for what the ledger never came to know.
#[tokio::test]
async fn lines_before_a_log_that_was_begun_anew_are_told_and_held_to_it() {
    let (_folder, path, end) = log_of(5, AuditRotation::default()).await;
    let audit = Audit::open(options(&path, AuditRotation::default())).unwrap();
    let anew = audit.begin_anew().await;
    assert_ne!(anew.log, end.log);
    audit
        .write(&[json!({"n": 5}), json!({"n": 6})])
        .await
        .unwrap();
    drop(audit);
    let sealed = ChainEnd {
        line: 3,
        hash: Some(super::chain::hash(lines(&path)[2].as_bytes())),
        ..end.clone()
    };
    let seals = [known(&sealed, None), known(&anew, None)];
    let found = check_log(&path, &seals, |_, _| {}).unwrap();
    let told: Vec<_> = found.unsealed.iter().map(ToString::to_string).collect();
    assert_eq!(told, [format!("lines 4 to 5 of the log {}", end.log)]);
    // It goes on through restarts.
    let audit = Audit::open(options(&path, AuditRotation::default())).unwrap();
    assert_eq!(audit.end().await.log, anew.log);
    assert_eq!(audit.end().await.line, 2);
    let mut lines = lines(&path);
    lines[4] = lines[4].replace("\"n\":4", "\"n\":9");
    fs::write(&path, lines.join("\n")).unwrap();
    let told = told_of(&path, &[]);
    assert!(
        told[0].ends_with("line 5 of the log was changed"),
        "{told:?}"
    );
}
