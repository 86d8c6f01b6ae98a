//! A report that takes a server long, and what is written beside it.

use std::sync::Arc;
use std::thread;

use sekisho::ledger::{Ledger, LedgerError};
use tokio::task::JoinHandle;

use super::records::*;
use crate::kit::lab::eventually;
use crate::kit::postgres::Postgres;
use crate::lab::{Missing, or_skip};

const LOCKS: &str = "pg_locks WHERE relation = 'findings'::regclass";

/// Two processes with one ledger, and a report that the first cannot end writing.
struct Stuck {
    place: Place,
    first: Arc<Ledger>,
    second: Ledger,
    writing: JoinHandle<Result<i64, LedgerError>>,
    holding: thread::JoinHandle<()>,
}

impl Stuck {
    async fn new() -> Result<Self, Missing> {
        let place = Place::on_server()?;
        let (first, second) = (Arc::new(place.serve().await), place.client().await);
        first.create_token(token("ci")).await.unwrap();
        first
            .record_closure(&app(), &image("img", &["base"]))
            .await
            .unwrap();
        let name = place.database_name();
        let holding = thread::spawn(move || {
            let held = "BEGIN; LOCK TABLE findings IN SHARE MODE; SELECT pg_sleep(600)";
            Postgres::shared()
                .unwrap()
                .ask(&name, held)
                .expect_failure();
        });
        let count =
            async |those: &str| place.rows(&format!("SELECT count(*) FROM {LOCKS} {those}"));
        eventually("the table is held", || async {
            count("AND mode = 'ShareLock' AND granted").await == "1"
        })
        .await;
        let writing = tokio::spawn({
            let first = first.clone();
            async move { first.submit_scan(scan("img", now())).await }
        });
        eventually("the report waits for it", || async {
            count("AND NOT granted").await == "1"
        })
        .await;
        Ok(Self {
            place,
            first,
            second,
            writing,
            holding,
        })
    }

    /// Lets the report be written: its outcome, and where it lies.
    async fn let_go(self) -> (Result<i64, LedgerError>, Place) {
        end_of_the_lock(&self.place);
        self.holding.join().unwrap();
        (self.writing.await.unwrap(), self.place)
    }
}

fn end_of_the_lock(place: &Place) {
    let end = "SELECT pg_terminate_backend(pid) FROM";
    place.rows(&format!("{end} {LOCKS} AND mode = 'ShareLock' AND granted"));
}

#[tokio::test]
async fn a_revocation_waits_for_no_report_at_any_replica() {
    let stuck = or_skip!(Stuck::new().await);
    stuck
        .second
        .revoke(revocation(digest("img")))
        .await
        .unwrap();
    stuck.first.follow_once(now()).await.unwrap();
    assert!(stuck.first.index().is_revoked(&digest("img")));
    stuck
        .first
        .revoke(revocation(digest("other")))
        .await
        .unwrap();
    assert!(stuck.first.index().is_revoked(&digest("other")));
    assert!(!stuck.writing.is_finished());
    let first = stuck.first.clone();
    let (id, _place) = stuck.let_go().await;
    let id = id.unwrap();
    let scans = evidence(&first, "img").await.scans;
    assert_eq!(scans.iter().map(|it| it.id).collect::<Vec<_>>(), [id]);
}

#[tokio::test]
async fn a_token_ends_at_once_though_its_evidence_has_to_wait() {
    let stuck = or_skip!(Stuck::new().await);
    let second = stuck.second;
    let revoking = tokio::spawn(async move {
        let withdrawn = second.revoke_token("ci", true, now()).await;
        (withdrawn, second)
    });
    let ended = "SELECT count(*) FROM tokens WHERE name = 'ci' AND revoked_at IS NOT NULL";
    eventually("it is revoked", || async { stuck.place.rows(ended) == "1" }).await;
    stuck.first.follow_once(now()).await.unwrap();
    assert!(!stuck.writing.is_finished() && !revoking.is_finished());
    end_of_the_lock(&stuck.place);
    stuck.holding.join().unwrap();
    assert!(
        stuck.writing.await.unwrap().is_err(),
        "its report comes too late"
    );
    revoking.await.unwrap().0.unwrap();
    assert!(evidence(&stuck.first, "img").await.scans.is_empty());
}

#[tokio::test]
async fn a_report_is_not_taken_whose_token_ends_while_it_is_written() {
    let stuck = or_skip!(Stuck::new().await);
    stuck.second.revoke_token("ci", false, now()).await.unwrap();
    let first = stuck.first.clone();
    let (refused, _place) = stuck.let_go().await;
    assert!(refused.is_err());
    assert!(evidence(&first, "img").await.scans.is_empty());
}
