//! What a recorded decision costs: counted by the server, which tells of each statement.

use sekisho::ledger::{Ledger, LedgerAccess, LedgerOptions};
use sekisho::trust::Decision;
use serde_json::json;
use tempfile::TempDir;

use super::records::*;
use crate::kit::postgres::{Postgres, Settings, USER};
use crate::lab::or_skip;

/// To begin, to lock and read how far the ledger has come, to take a place in the order of
/// decisions, to write, to commit.
const STATEMENTS_OF_A_BATCH: usize = 5;

fn decisions(count: u128, from: u128) -> Vec<Decision> {
    let decision = |number: u128| {
        json!({
            "id": format!("{number:032x}"), "time": now(), "count": 1, "door": "registry",
            "environment": "production", "principal": "anonymous", "client": null,
            "image": "registry.corp/app:1", "upstream": null, "digest": digest("img"),
            "verdict": "denied", "reasons": ["not-scanned"], "message": "no",
            "mode": "enforce", "exposure": "external",
            "exposure_source": { "kind": "listener" }, "policy_revision": "1",
            "evidence": [], "evidence_age_s": null, "ledger_age_s": null, "duration_us": 1,
        })
    };
    (from..from + count)
        .map(|number| serde_json::from_value(decision(number)).unwrap())
        .collect()
}

/// As the server's log tells them.
fn statements(server: &Postgres) -> usize {
    let log = server.log();
    let told = |line: &&str| line.contains("LOG:  statement:") || line.contains("LOG:  execute ");
    log.lines().filter(told).count()
}

#[tokio::test]
async fn a_batch_of_decisions_costs_five_statements_however_many_they_are() {
    let all = Settings::default().set("log_statement = all");
    let server = or_skip!(Postgres::start_with(all));
    server.sql("postgres", &format!("CREATE DATABASE trust OWNER {USER}"));
    let folder = TempDir::new().unwrap();
    let location = server_location(server.port(), "trust", &folder.path().join("password"));
    let options = LedgerOptions::of(location);
    let ledger = Ledger::open(options, LedgerAccess::Serve, now())
        .await
        .unwrap();
    // Statements that a new connection begins with.
    ledger.record_decisions(&decisions(1, 1)).await.unwrap();
    for (count, from) in [(1, 10), (100, 100)] {
        let before = statements(&server);
        ledger
            .record_decisions(&decisions(count, from))
            .await
            .unwrap();
        let cost = statements(&server) - before;
        assert_eq!(cost, STATEMENTS_OF_A_BATCH, "of {count} decision(s)");
    }
}
