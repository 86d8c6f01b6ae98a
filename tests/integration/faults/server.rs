//! The server of the ledger: its disk is full, or it is gone while tables are made.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use sekisho::ledger::{Ledger, LedgerAccess, LedgerError, LedgerOptions, NewRevocation};
use sekisho::oci::{Digest, RepositoryGlobs};
use tempfile::TempDir;

use super::rounds;
use super::site::Site;
use crate::kit::lab::eventually;
use crate::kit::postgres::{Postgres, PostgresOnDisk, Stop, USER};
use crate::lab::or_skip;
use crate::ledger::server_location;

/// Milliseconds that making the tables takes about; kills are spread over as many.
const TABLES_TAKE: u64 = 160;

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_a_free_byte_loses_nothing() {
    let (server, folder) = (or_skip!(PostgresOnDisk::start()), TempDir::new().unwrap());
    let table = server.table(&folder.path().join("password"));
    let program = |_: &Path| Command::new(env!("CARGO_BIN_EXE_sekisho"));
    let mut site = Site::start(&table, program).await;
    for round in 0..rounds() {
        let strike = async {
            tokio::time::sleep(Duration::from_millis(round * 37 % 300)).await;
            eventually("it is full", || async { server.fill() }).await;
        };
        tokio::join!(site.work(3), strike);
        site.work(3).await;
        server.make_room();
        site.recovers().await;
    }
    assert!(site.log().contains("the disk is full"), "{}", server.log());
    site.served.signal("TERM");
    let ended = site.served.ended().await;
    assert_eq!(ended, Some(0), "{}\n{}", site.log(), server.log());
}

/// Each time at another moment. The next start makes what lacks, and nothing twice.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_gone_while_tables_are_made_leaves_a_whole_ledger() {
    let mut server = or_skip!(Postgres::start());
    let folder = TempDir::new().unwrap();
    let mut broken_off = 0;
    for round in 0..2 * rounds() {
        let name = format!("trust{round}");
        server.sql("postgres", &format!("CREATE DATABASE {name} OWNER {USER}"));
        let location = server_location(server.port(), &name, &folder.path().join("password"));
        let options = LedgerOptions::of(location);
        let opening = tokio::spawn(open(options.clone()));
        let moment = round * TABLES_TAKE / (2 * rounds());
        tokio::time::sleep(Duration::from_millis(moment)).await;
        server.kill();
        broken_off += u32::from(opening.await.unwrap().is_err());
        server.start_again();
        let ledger = open(options).await.unwrap();
        ledger.revoke(revocation(round)).await.unwrap();
        ledger.close().await;
    }
    assert_ne!(broken_off, 0, "no kill came in time");
    server.stop(Stop::Fast);
}

fn revocation(round: u64) -> NewRevocation {
    NewRevocation {
        digest: Digest::sha256(&round.to_be_bytes()),
        environment: None,
        repositories: RepositoryGlobs::none(),
        revoker: "ci".to_owned(),
        revoked_at: jiff::Timestamp::now(),
        reason: "leaks a key".to_owned(),
    }
}

async fn open(options: LedgerOptions) -> Result<Ledger, LedgerError> {
    Ledger::open(options, LedgerAccess::Serve, jiff::Timestamp::now()).await
}
