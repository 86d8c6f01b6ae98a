//! Two hundred who write at the same time, at three gateways' ledgers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use jiff::Timestamp;
use sekisho::ledger::{
    ActFilter, Ledger, LedgerAccess, LedgerLocation, LedgerOptions, NewRevocation, PostgresOptions,
    PostgresUrl, Reinstatement,
};
use sekisho::oci::{Digest, RepositoryGlobs};
use tempfile::TempDir;
use tokio::task::JoinSet;

use super::stage::make_database;
use crate::kit::postgres::{PASSWORD, Postgres, USER};
use crate::lab::or_skip;

const WRITERS: usize = 200;
const WRITES: usize = 5;

async fn open(server: &Postgres, folder: &TempDir) -> Arc<Ledger> {
    let password = folder.path().join("password");
    std::fs::write(&password, PASSWORD).unwrap();
    let url = format!("postgres://{USER}@127.0.0.1:{}/trust", server.port());
    let location = LedgerLocation::Server(PostgresOptions {
        password_file: Some(password),
        ..PostgresUrl::parse(&url).unwrap().into()
    });
    let options = LedgerOptions::of(location);
    Arc::new(
        Ledger::open(options, LedgerAccess::Serve, Timestamp::now())
            .await
            .unwrap(),
    )
}

fn digest(writer: usize, number: usize) -> Digest {
    Digest::sha256(format!("{writer} {number}").as_bytes())
}

fn revocation(digest: Digest) -> NewRevocation {
    NewRevocation {
        digest,
        environment: None,
        repositories: RepositoryGlobs::none(),
        revoker: "security".to_owned(),
        revoked_at: Timestamp::now(),
        reason: "stolen key".to_owned(),
    }
}

/// All of its own, one that all share, and every second one back again.
async fn write(ledger: Arc<Ledger>, writer: usize) {
    for number in 0..WRITES {
        let own = digest(writer, number);
        ledger.revoke(revocation(own.clone())).await.unwrap();
        if number % 2 == 1 {
            let undo = Reinstatement {
                digest: own,
                environment: None,
                repositories: RepositoryGlobs::none(),
                by: "security".to_owned(),
                at: Timestamp::now(),
                reason: "false alarm".to_owned(),
            };
            assert_eq!(ledger.reinstate(undo).await.unwrap(), 1);
        }
    }
    ledger
        .revoke(revocation(Digest::sha256(b"shared")))
        .await
        .unwrap();
}

/// Counts the changes that it sees until it is told to end.
async fn follow(ledger: Arc<Ledger>, ended: Arc<AtomicBool>, seen: Arc<AtomicU64>) {
    loop {
        let last = ended.load(Ordering::Acquire);
        let new = ledger.follow_once(Timestamp::now()).await.unwrap();
        seen.fetch_add(new, Ordering::Relaxed);
        if last && new == 0 {
            return;
        }
        tokio::task::yield_now().await;
    }
}

/// What each says of all that was written.
fn told(ledger: &Ledger) -> Vec<bool> {
    let own = (0..WRITERS).flat_map(|writer| (0..WRITES).map(move |it| digest(writer, it)));
    let all = own.chain([Digest::sha256(b"shared")]);
    all.map(|it| ledger.index().is_revoked(&it)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_hundred_writers_lose_nothing_and_leave_no_gap() {
    let server = or_skip!(Postgres::start());
    make_database(&server);
    let folder = TempDir::new().unwrap();
    let mut ledgers = Vec::new();
    for _ in 0..3 {
        ledgers.push(open(&server, &folder).await);
    }
    // One only looks on, and one follows while it is written to.
    let watching = open(&server, &folder).await;
    let (ended, seen) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicU64::new(0)),
    );
    let watcher = tokio::spawn(follow(watching.clone(), ended.clone(), seen.clone()));
    let ignored = Arc::new(AtomicU64::new(0));
    let beside = tokio::spawn(follow(ledgers[0].clone(), ended.clone(), ignored));
    let mut writing = JoinSet::new();
    for writer in 0..WRITERS {
        writing.spawn(write(ledgers[writer % 3].clone(), writer));
    }
    writing.join_all().await;
    ended.store(true, Ordering::Release);
    watcher.await.unwrap();
    beside.await.unwrap();

    let undone = WRITES / 2;
    let changes = (WRITERS * (WRITES + undone + 1)) as u64;
    assert_eq!(seen.load(Ordering::Relaxed), changes, "each change once");
    let expected = told(&watching);
    let revoked = expected.iter().filter(|it| **it).count();
    assert_eq!(revoked, WRITERS * (WRITES - undone) + 1);
    for ledger in &ledgers {
        ledger.follow_once(Timestamp::now()).await.unwrap();
        assert_eq!(ledger.mark(), watching.mark());
        assert_eq!(told(ledger), expected);
    }
    // Who opens it now finds the same, and an act for each.
    let later = open(&server, &folder).await;
    assert_eq!(told(&later), expected);
    let shared = "SELECT count(*) FROM revocations";
    assert_eq!(
        server.sql("trust", shared),
        (WRITERS * (WRITES + 1)).to_string()
    );
    let newest = later
        .acts_where(&ActFilter::default(), |_| true)
        .await
        .unwrap();
    assert_eq!(newest[0].mark.change, changes);
}
