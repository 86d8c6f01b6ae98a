//! The next version migrates a ledger on a server while this one serves it.

use sekisho::ledger::{FactKind, LedgerAccess, LedgerError, PullFact, copy_ledger};

use super::records::*;
use crate::lab::or_skip;

/// What a next version may do: add tables, columns that may be absent, and a kind of change.
const NEXT_VERSION: &str = "BEGIN; \
    CREATE TABLE novelties (id BIGINT PRIMARY KEY, body TEXT NOT NULL); \
    DO $$ DECLARE known record; BEGIN FOR known IN \
    SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema() \
    AND table_type = 'BASE TABLE' AND table_name NOT IN ('_sqlx_migrations', 'novelties') LOOP \
    EXECUTE format('ALTER TABLE %I ADD COLUMN novelty TEXT', known.table_name); \
    EXECUTE format('ALTER TABLE %I ADD COLUMN other_novelty BIGINT NOT NULL DEFAULT 7', \
    known.table_name); \
    END LOOP; END $$; \
    INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
    VALUES (9999, 'novelties', true, '\\x00', 0); \
    COMMIT";
const NOVEL_CHANGE: &str = "WITH counted AS (UPDATE identity \
    SET newest_change = newest_change + 1 RETURNING newest_change) \
    INSERT INTO changes (seq, kind, subject) \
    SELECT newest_change, 'novelty', 'something' FROM counted";

#[tokio::test]
async fn this_version_serves_on_while_the_next_migrates() {
    let server = or_skip!(Place::on_server());
    let (one, other) = (server.serve().await, server.serve().await);
    let closure = image("img", &["base"]);
    one.record_closure(&app(), &closure).await.unwrap();
    one.submit_scan(scan("img", now())).await.unwrap();
    other.follow_once(now()).await.unwrap();
    assert_eq!(evidence(&other, "img").await.scans.len(), 1);

    server.sql(NEXT_VERSION).await;
    // Statements that were prepared before, and every verb of the usual day.
    one.submit_scan(scan("img", now() + minutes(1)))
        .await
        .unwrap();
    one.promote(promotion("img", Some("1"))).await.unwrap();
    one.revoke(revocation(digest("other"))).await.unwrap();
    one.reinstate(reinstatement(digest("other"))).await.unwrap();
    one.grant_break_glass(break_glass(digest("other")))
        .await
        .unwrap();
    one.create_token(token("ci")).await.unwrap();
    let fact = PullFact {
        subject: subject("img"),
        at: now(),
        kind: FactKind::Served,
    };
    one.record_facts(&[fact]).await.unwrap();
    // What the next version writes and this one does not know.
    server.sql(NOVEL_CHANGE).await;
    one.revoke(revocation(digest("bad"))).await.unwrap();
    for ledger in [&one, &other] {
        ledger.follow_once(now()).await.unwrap();
        assert!(ledger.index().is_revoked(&digest("bad")));
        assert!(!ledger.index().is_revoked(&digest("other")));
        let known = evidence(ledger, "img").await;
        assert_eq!((known.scans.len(), known.promotions.len()), (1, 1));
    }
    assert_eq!(one.mark(), other.mark());
}

#[tokio::test]
async fn this_version_opens_no_ledger_of_the_next_and_says_so() {
    let server = or_skip!(Place::on_server());
    server.serve().await.close().await;
    server.sql(NEXT_VERSION).await;
    for access in [LedgerAccess::Serve, LedgerAccess::Client] {
        let refused = server.open(access).await.err().unwrap();
        let is_newer = matches!(refused, LedgerError::NewerSchema { found: 9999, .. });
        assert!(is_newer, "{refused}");
        assert!(refused.to_string().contains("run a newer sekisho"));
    }
    let target = Place::new();
    let refused = copy_ledger(&server.location(), &target.location(), |_| {}).await;
    let refused = refused.unwrap_err();
    assert!(
        matches!(refused, LedgerError::NewerSchema { .. }),
        "{refused}"
    );
}
