//! Kept in order over time, alone and among replicas.

use std::fs;
use std::path::Path;

use crate::kubernetes::client::FakeSecret;
use crate::tls::authority::{Authority, CertificateNames, Lifetimes};
use crate::tls::manager::folder::AuthorityFolder;
use crate::tls::manager::store::Store;
use crate::tls::manager::{AuthorityManager, AuthorityStoreError};
use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;

const DAY: SignedDuration = SignedDuration::from_hours(24);

pub fn after(days: i32) -> Timestamp {
    "2026-03-01T00:00:00Z".parse::<Timestamp>().unwrap() + DAY * days
}

fn names(more: &[&str]) -> CertificateNames {
    let mut names = CertificateNames::loopback();
    for name in more {
        names.add(name).unwrap();
    }
    names
}

pub async fn over_folder(path: &Path, more: &[&str], now: Timestamp) -> AuthorityManager {
    let store = Store::Folder(AuthorityFolder::new(path));
    let opened = AuthorityManager::open(store, names(more), Lifetimes::default(), now).await;
    opened.unwrap()
}

/// One Pod among replicas, with a folder of its own.
struct Pod {
    manager: AuthorityManager,
    _folder: TempDir,
}

impl std::ops::Deref for Pod {
    type Target = AuthorityManager;

    fn deref(&self) -> &AuthorityManager {
        &self.manager
    }
}

async fn over_secret(fake: &FakeSecret, more: &[&str], now: Timestamp) -> Pod {
    let folder = TempDir::new().unwrap();
    let manager = pod(fake, folder.path(), more, now).await.unwrap();
    Pod {
        manager,
        _folder: folder,
    }
}

async fn pod(
    fake: &FakeSecret,
    folder: &Path,
    more: &[&str],
    now: Timestamp,
) -> Result<AuthorityManager, AuthorityStoreError> {
    let store = Store::Secret {
        secret: Box::new(fake.one()),
        copy: AuthorityFolder::new(folder),
    };
    AuthorityManager::open(store, names(more), Lifetimes::default(), now).await
}

fn bundle(manager: &AuthorityManager) -> String {
    manager.bundle().borrow().to_string()
}

#[tokio::test]
async fn the_same_authority_is_found_after_a_restart() {
    let scratch = TempDir::new().unwrap();
    let first = over_folder(scratch.path(), &[], after(0)).await;
    let again = over_folder(scratch.path(), &[], after(1)).await;
    assert_eq!(bundle(&first), bundle(&again));
    assert_eq!(
        first.certificates().not_after(),
        again.certificates().not_after()
    );
    let named = over_folder(scratch.path(), &["gate.example"], after(1)).await;
    assert_eq!(bundle(&first), bundle(&named));
    assert!(named.certificates().not_after() > again.certificates().not_after());
}

#[tokio::test]
async fn what_is_due_is_done_shown_and_told() {
    let scratch = TempDir::new().unwrap();
    let manager = over_folder(scratch.path(), &[], after(0)).await;
    let mut told = manager.bundle();
    let first = bundle(&manager);
    manager.once(after(30)).await;
    assert!(!told.has_changed().unwrap());
    manager.once(after(61)).await;
    assert_eq!(manager.certificates().not_after(), after(61 + 90));
    assert!(!told.has_changed().unwrap(), "the CA is the same");
    assert_eq!(manager.changes_at(), None);
    manager.once(after(1220)).await;
    assert!(told.has_changed().unwrap());
    let both = told.borrow_and_update().to_string();
    assert!(both.starts_with(&first) && both.len() > first.len());
    assert_eq!(manager.changes_at(), Some(after(1400)));
    manager.once(after(1400)).await;
    let changed = told.borrow_and_update().to_string();
    assert!(changed.ends_with(&first), "the old one stays, behind");
    assert_eq!(manager.changes_at(), None);
    assert_eq!(manager.problem(), None);
}

#[tokio::test]
async fn what_is_broken_on_disk_changes_nothing_and_is_a_problem_until_mended() {
    let scratch = TempDir::new().unwrap();
    let manager = over_folder(scratch.path(), &[], after(0)).await;
    let (before, until) = (bundle(&manager), manager.certificates().not_after());
    let file = scratch.path().join("current/tls.key");
    let whole = fs::read(&file).unwrap();
    fs::write(&file, "half").unwrap();
    manager.once(after(61)).await;
    assert!(
        manager
            .problem()
            .unwrap()
            .contains("tls.key holds no usable")
    );
    assert_eq!(bundle(&manager), before);
    assert_eq!(manager.certificates().not_after(), until);
    let store = Store::Folder(AuthorityFolder::new(scratch.path()));
    let opened = AuthorityManager::open(store, names(&[]), Lifetimes::default(), after(1)).await;
    assert!(opened.is_err(), "no new CA in its place");
    fs::write(&file, whole).unwrap();
    manager.once(after(61)).await;
    assert_eq!(manager.problem(), None);
    assert!(manager.certificates().not_after() > until);
}

#[tokio::test]
async fn replicas_share_one_authority_from_the_first_moment() {
    let fake = FakeSecret::default();
    let (a, b, c) = tokio::join!(
        over_secret(&fake, &[], after(0)),
        over_secret(&fake, &[], after(0)),
        over_secret(&fake, &[], after(0)),
    );
    assert_eq!(bundle(&a), bundle(&b));
    assert_eq!(bundle(&b), bundle(&c));
    assert_eq!(fake.writes(), 1);
    for days in [61, 1220, 1400, 1500] {
        let writes = fake.writes();
        tokio::join!(
            a.once(after(days)),
            b.once(after(days)),
            c.once(after(days))
        );
        assert_eq!(fake.writes(), writes + 1, "day {days}: one of them");
        assert_eq!(bundle(&a), bundle(&b));
        assert_eq!(bundle(&b), bundle(&c));
        let until = [&a, &b, &c].map(|it| it.certificates().not_after());
        assert!(until.iter().all(|it| *it == until[0]), "day {days}");
    }
}

#[tokio::test]
async fn replicas_that_want_other_names_come_to_rest() {
    let fake = FakeSecret::default();
    let old = over_secret(&fake, &["old.example"], after(0)).await;
    let new = over_secret(&fake, &["new.example"], after(1)).await;
    let writes = fake.writes();
    for _ in 0..3 {
        old.once(after(2)).await;
        new.once(after(2)).await;
    }
    assert_eq!(fake.writes(), writes);
}

#[tokio::test]
async fn a_silent_api_server_changes_nothing() {
    let fake = FakeSecret::default();
    let manager = over_secret(&fake, &[], after(0)).await;
    let before = bundle(&manager);
    fake.refuse(Some(503));
    manager.once(after(61)).await;
    assert!(
        manager
            .problem()
            .unwrap()
            .contains("sekisho/sekisho-webhook-tls")
    );
    assert_eq!(bundle(&manager), before);
    fake.refuse(None);
    manager.once(after(61)).await;
    assert_eq!(manager.problem(), None);
    assert_eq!(bundle(&manager), before);
}

#[tokio::test]
async fn a_pod_that_starts_under_a_silent_api_server_shows_what_it_last_read() {
    let (fake, pods) = (
        FakeSecret::default(),
        [TempDir::new().unwrap(), TempDir::new().unwrap()],
    );
    let first = pod(&fake, pods[0].path(), &[], after(0)).await.unwrap();
    fake.refuse(Some(503));
    let again = pod(&fake, pods[0].path(), &[], after(1)).await.unwrap();
    assert_eq!(bundle(&again), bundle(&first));
    assert!(again.problem().unwrap().contains("sekisho-webhook-tls"));
    let new = pod(&fake, pods[1].path(), &[], after(1)).await;
    assert!(new.is_err(), "it never begins an authority of its own");
    fake.refuse(None);
    again.once(after(61)).await;
    assert_eq!(again.problem(), None);
    let read = fs::read_to_string(pods[0].path().join("current/tls.crt")).unwrap();
    let held = fake.one().read().await.unwrap().unwrap().0;
    assert_eq!(read.as_bytes(), held["tls.crt"], "the copy follows");
}

#[tokio::test]
async fn a_secret_that_somebody_else_filled_is_refused_and_left_alone() {
    let fake = FakeSecret::default();
    let theirs = serde_json::json!({"apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": "sekisho-webhook-tls"}, "data": {"tls.crt": "aGFsZg=="}});
    fake.put(theirs);
    let scratch = TempDir::new().unwrap();
    let opened = pod(&fake, scratch.path(), &[], after(0)).await;
    let error = opened.map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("ca.crt is missing"), "{error}");
    assert_eq!(fake.writes(), 1);
}

/// What is stored is the contract between versions.
#[tokio::test]
async fn the_secret_holds_what_a_folder_holds() {
    let (fake, scratch) = (FakeSecret::default(), TempDir::new().unwrap());
    over_secret(&fake, &[], after(0)).await;
    over_folder(scratch.path(), &[], after(0)).await;
    let held = fake.held().unwrap();
    let mut in_secret: Vec<&String> = held["data"].as_object().unwrap().keys().collect();
    let folder = fs::read_dir(scratch.path().join("current")).unwrap();
    let mut in_folder: Vec<String> = folder
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    in_secret.sort();
    in_folder.sort();
    assert_eq!(in_secret, in_folder.iter().collect::<Vec<_>>());
    let (files, _) = fake.one().read().await.unwrap().unwrap();
    assert!(Authority::from_files(&files).unwrap().is_some());
}
