//! Where a log may lie: behind links, and where there is no disk.

use std::io::{BufRead, BufReader, pipe};
use std::os::fd::AsRawFd;
use std::os::unix::fs::symlink;
use std::time::{Duration, SystemTime};

use super::*;

/// Each batch is put aside, and goes after a minute.
fn rotating(path: &Path) -> AuditOptions {
    let rotation = AuditRotation {
        max_size: Some(1),
        retention: Some(Duration::from_secs(60)),
    };
    AuditOptions {
        rotation,
        ..config(path)
    }
}

/// A link to `volume/lines`, on its own in a folder; nothing is there yet.
fn linked() -> (tempfile::TempDir, PathBuf, PathBuf) {
    let (folder, path) = place();
    let volume = folder.path().join("volume");
    fs::create_dir(&volume).unwrap();
    symlink("volume/lines", folder.path().join("hop")).unwrap();
    symlink("hop", &path).unwrap();
    (folder, path, volume)
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let names = entries.map(|it| it.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_pipe_has_no_disk_and_its_lines_are_written_once() {
    let (reader, writer) = pipe().unwrap();
    let path = format!("/proc/self/fd/{}", writer.as_raw_fd());
    let audit = Audit::open(rotating(Path::new(&path))).unwrap();
    for number in 1..=2 {
        audit.write_durably(&[numbered(number)]).await.unwrap();
    }
    drop((audit, writer));
    assert_eq!(BufReader::new(reader).lines().count(), 2);
}

#[tokio::test]
async fn a_log_behind_a_link_is_put_aside_where_it_lies() {
    let (folder, path, volume) = linked();
    let audit = Audit::open(rotating(&path)).unwrap();
    for number in 1..=3 {
        audit.write(&[numbered(number)]).await.unwrap();
    }
    assert_eq!(names(folder.path()), ["audit.jsonl", "hop", "volume"]);
    assert!(path.is_symlink() && path.is_file());
    let found = names(&volume);
    assert_eq!(found.len(), 4, "{found:?}");
    assert!(found.iter().all(|it| it.starts_with("lines")), "{found:?}");
    let checked = check(&path);
    assert_eq!((checked.lines, checked.files.len()), (3, 4));
    assert_eq!(checked.faults, []);
    assert_eq!(log_files(&path).unwrap().len(), 4);
    assert_eq!(log_place(&path), log_place(&volume.join("lines")));
    drop(audit);
    fs::remove_file(volume.join("lines")).unwrap();
    let audit = Audit::open(config(&path)).unwrap();
    assert_eq!(audit.end().await.line, 3);
}

#[tokio::test]
async fn retention_removes_the_files_and_not_a_link_to_them() {
    let (folder, path, volume) = linked();
    let audit = Audit::open(rotating(&path)).unwrap();
    audit.write(&[numbered(1)]).await.unwrap();
    let old = rotated_file(&volume);
    let then = SystemTime::now() - Duration::from_secs(3600);
    fs::File::open(&old).unwrap().set_modified(then).unwrap();
    audit.write(&[numbered(2)]).await.unwrap();
    assert!(!old.exists());
    assert_eq!(names(&volume).len(), 2);
    assert_eq!(names(folder.path()), ["audit.jsonl", "hop", "volume"]);
}

/// The one that was put aside.
fn rotated_file(volume: &Path) -> PathBuf {
    let names = names(volume);
    let mut aside = names.iter().filter(|it| *it != "lines");
    volume.join(aside.next().unwrap())
}

#[tokio::test]
async fn a_link_that_leads_elsewhere_since_is_followed() {
    let (folder, path, volume) = linked();
    let audit = Audit::open(config(&path)).unwrap();
    audit.write(&[numbered(1)]).await.unwrap();
    fs::remove_file(folder.path().join("hop")).unwrap();
    symlink("volume/others", folder.path().join("hop")).unwrap();
    audit.write(&[numbered(2)]).await.unwrap();
    assert_eq!(records(&volume.join("lines")), [numbered(1)]);
    assert_eq!(records(&volume.join("others")), [numbered(2)]);
}

#[test]
fn a_pipe_is_told_as_what_cannot_be_verified_and_not_as_a_log_cut_short() {
    let (reader, mut writer) = pipe().unwrap();
    std::io::Write::write_all(&mut writer, b"{}\n").unwrap();
    let path = PathBuf::from(format!("/proc/self/fd/{}", reader.as_raw_fd()));
    let refused = check_log(&path, &[], |_, _| {}).unwrap_err().to_string();
    assert!(
        refused.contains("write what it gives to a file"),
        "{refused}"
    );
}
