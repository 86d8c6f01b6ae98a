//! Old or new, never a mixture.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::tls::authority::{Authority, CertificateNames, Files, Lifetimes};
use crate::tls::manager::folder::{AuthorityFolder, bundle_in};
use tempfile::TempDir;

fn files() -> Files {
    let now = "2026-03-01T00:00:00Z".parse().unwrap();
    let made = Authority::create(&CertificateNames::loopback(), &Lifetimes::default(), now);
    made.unwrap().to_files()
}

fn entries(folder: &Path) -> Vec<String> {
    let name =
        |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    fs::read_dir(folder).unwrap().map(name).collect()
}

#[test]
fn the_latest_files_are_read_and_older_ones_are_gone() {
    let scratch = TempDir::new().unwrap();
    let path = scratch.path().join("authority");
    let folder = AuthorityFolder::new(&path);
    assert!(folder.read().unwrap().is_none());
    let (first, second) = (files(), files());
    assert!(folder.write(&first, None).unwrap());
    let held = folder.read().unwrap().unwrap();
    assert_eq!(held.files, first);
    assert!(folder.write(&second, Some(&held.version)).unwrap());
    assert_eq!(folder.read().unwrap().unwrap().files, second);
    assert_eq!(entries(&path).len(), 2, "the link and what it names");
    let bundle = fs::read_to_string(path.join("current/ca.crt")).unwrap();
    assert_eq!(bundle_in(&path).unwrap(), Some(bundle));
}

#[test]
fn keys_are_for_the_owner_alone() {
    let scratch = TempDir::new().unwrap();
    AuthorityFolder::new(scratch.path())
        .write(&files(), None)
        .unwrap();
    let mode = |name: &str| {
        let path = scratch.path().join("current").join(name);
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    };
    assert_eq!((mode("ca.key"), mode("tls.key")), (0o600, 0o600));
}

#[test]
fn whoever_has_not_read_the_latest_changes_nothing() {
    let scratch = TempDir::new().unwrap();
    let folder = AuthorityFolder::new(scratch.path());
    let first = files();
    folder.write(&first, None).unwrap();
    for replaces in [None, Some("other")] {
        assert!(!folder.write(&files(), replaces).unwrap());
        assert_eq!(folder.read().unwrap().unwrap().files, first);
    }
}

#[test]
fn a_crash_while_writing_leaves_the_old_files() {
    let scratch = TempDir::new().unwrap();
    let folder = AuthorityFolder::new(scratch.path());
    fs::create_dir(scratch.path().join("half")).unwrap();
    assert!(folder.read().unwrap().is_none(), "the very first write");
    let first = files();
    folder.write(&first, None).unwrap();
    fs::write(scratch.path().join("half/ca.crt"), "-----BEGIN").unwrap();
    std::os::unix::fs::symlink("half", scratch.path().join(".new")).unwrap();
    let held = folder.read().unwrap().unwrap();
    assert_eq!(held.files, first);
    assert!(folder.write(&files(), Some(&held.version)).unwrap());
}

#[test]
fn what_cannot_be_read_is_an_error_and_never_nothing() {
    let scratch = TempDir::new().unwrap();
    let folder = AuthorityFolder::new(scratch.path());
    folder.write(&files(), None).unwrap();
    let version = folder.read().unwrap().unwrap().version;
    let own = scratch.path().join(version);
    fs::write(own.join("ca.crt"), "half").unwrap();
    let error = bundle_in(scratch.path()).unwrap_err().to_string();
    assert!(error.contains("ca.crt holds no usable"), "{error}");
    for file in entries(&own) {
        fs::remove_file(own.join(file)).unwrap();
    }
    let error = folder.read().map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("it is empty, without ca.crt"), "{error}");
    fs::remove_dir(&own).unwrap();
    assert!(folder.read().is_err(), "a link that leads nowhere");
    let link = scratch.path().join("current");
    fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink("/etc", &link).unwrap();
    assert!(folder.read().is_err(), "a link that leads away");
    fs::remove_file(&link).unwrap();
    fs::create_dir(&link).unwrap();
    let error = folder.read().map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("is no link"), "{error}");
}
