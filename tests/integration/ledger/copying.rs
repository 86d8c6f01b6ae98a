//! A ledger that is moved to another database, and back.

use std::time::Duration;

use jiff::SignedDuration;
use sekisho::ledger::{
    ActFilter, AuditSeal, CopyProgress, DeniedInUse, FactKind, Ledger, LedgerAccess, LedgerError,
    LedgerLocation, LedgerOptions, NodeContainers, NoticeBatch, NoticeKey, PendingNotice, PullFact,
    Replica, ToldOfNode, copy_ledger,
};
use sekisho::oci::Digest;
use sekisho::report::Package;
use sekisho::trust::{Decision, Denial, DenialReason, EnvironmentName, Mode};
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection};

use super::records::*;
use crate::lab::or_skip;

fn silently(_: CopyProgress<'_>) {}

async fn tell_of_a_node(ledger: &Ledger) {
    let told = ToldOfNode {
        environment: EnvironmentName::parse("production").unwrap(),
        node: "node-1".to_owned(),
        principal: "agents".to_owned(),
        anew: true,
        started: NodeContainers::new(),
        ended: Vec::new(),
        at: now(),
    };
    ledger.tell_of_node(&told).await.unwrap();
}

/// Something of everything.
async fn fill(ledger: &Ledger) {
    for root in ["img", "other"] {
        let closure = image(root, &["base"]);
        ledger.record_closure(&app(), &closure).await.unwrap();
        ledger.submit_scan(scan(root, now())).await.unwrap();
    }
    let several = index("several", &[("img", "linux/amd64")]);
    ledger.record_closure(&app(), &several).await.unwrap();
    // One more of the same tool: findings are known since the first.
    let mut later = scan("img", now() + minutes(1));
    later.findings.push(finding("CVE-2026-3"));
    later.packages.push(package());
    later.received_at = now() + minutes(1);
    ledger.submit_scan(later).await.unwrap();
    let mut image_only = unbound("id", now());
    image_only.packages.push(package());
    ledger.submit_scan(image_only).await.unwrap();
    ledger.create_token(token("ci")).await.unwrap();
    ledger.create_token(token("gone")).await.unwrap();
    ledger.revoke_token("gone", true, now()).await.unwrap();
    ledger.promote(promotion("img", Some("1"))).await.unwrap();
    ledger.revoke(revocation(digest("other"))).await.unwrap();
    ledger
        .reinstate(reinstatement(digest("other")))
        .await
        .unwrap();
    ledger.revoke(revocation(digest("bad"))).await.unwrap();
    ledger
        .grant_break_glass(break_glass(digest("other")))
        .await
        .unwrap();
    ledger.set_mode(timed_mode(Mode::Warn)).await.unwrap();
    fill_what_is_found(ledger).await;
    let fact = PullFact {
        subject: subject("img"),
        at: now(),
        kind: FactKind::Served,
    };
    ledger.record_facts(&[fact]).await.unwrap();
    ledger.prune_changes(3).await.unwrap();
}

/// What replicas find and tell: decisions, images in use, notices, the ends of audit logs.
async fn fill_what_is_found(ledger: &Ledger) {
    let alias = pair(&digest("img"), &Digest::sha512(b"img"));
    ledger.record_aliases(&[alias]).await.unwrap();
    ledger.record_decisions(&[decision(1)]).await.unwrap();
    ledger.record_decisions(&[decision(2)]).await.unwrap();
    let denied = ["img", "other"].map(in_use);
    ledger.note_in_use(&denied, &[]).await.unwrap();
    tell_of_a_node(ledger).await;
    // The last number is of a row that is gone.
    let lifted = [subject("other")];
    ledger.note_in_use(&[], &lifted).await.unwrap();
    let batch = NoticeBatch {
        cursor: Some(("in-use", None, 2)),
        told: vec![("denied img".to_owned(), now())],
        pending: vec![notice()],
    };
    assert!(ledger.keep_notices(&batch).await.unwrap());
    let seal = AuditSeal {
        log: "a1".to_owned(),
        line: 7,
        hash: "b2".to_owned(),
        at: now(),
        place: Some("gateway-0:/data/audit.jsonl".to_owned()),
        kept_until: Some(now()),
    };
    ledger.seal_audit(&seal).await.unwrap();
    ledger
        .take_lease("pruning", "gone", HOUR, now())
        .await
        .unwrap();
}

fn package() -> Package {
    Package {
        name: "zlib1g".to_owned(),
        version: "1.2".to_owned(),
        purl: Some("pkg:deb/debian/zlib1g@1.2".to_owned()),
        source: None,
    }
}

const HOUR: Duration = Duration::from_secs(3600);

fn decision(number: u128) -> Decision {
    let decision = json!({
        "id": format!("{number:032x}"), "time": now(), "count": 1, "door": "registry",
        "environment": "production", "principal": "anonymous", "client": null,
        "image": "registry.corp/app:1", "upstream": null, "digest": digest("img"),
        "verdict": "denied", "reasons": ["not-scanned"], "message": "no", "mode": "enforce",
        "exposure": "external", "exposure_source": { "kind": "listener" },
        "policy_revision": "1", "evidence": [], "evidence_age_s": null,
        "ledger_age_s": null, "duration_us": 1,
    });
    serde_json::from_value(decision).unwrap()
}

fn in_use(root: &str) -> DeniedInUse {
    DeniedInUse {
        subject: subject(root),
        denial: Denial {
            reason: DenialReason::NotScanned,
            detail: "nobody scanned it".to_owned(),
            next_step: "scan it".to_owned(),
        },
        is_running: false,
        since: now(),
    }
}

fn notice() -> PendingNotice {
    PendingNotice {
        key: NoticeKey {
            target: "all".to_owned(),
            kind: "denied-in-use".to_owned(),
            environment: "production".to_owned(),
        },
        count: 1,
        samples: "[]".to_owned(),
        opened_at: now(),
        due_at: now(),
        attempts: 0,
        sent_at: None,
        version: 0,
    }
}

/// All that is asked of a ledger, in words.
async fn told(ledger: &Ledger) -> String {
    let mut held = Vec::new();
    for root in ["img", "other"] {
        let it = evidence(ledger, root).await;
        held.push((it.scans, it.promotions, it.revocations, it.first_served));
    }
    let first = ledger.first_reported([&digest("img")]).await.unwrap();
    let ids = ["cve-2026-2".to_owned(), "GHSA-1".to_owned()];
    let naming = ledger.manifests_reporting(&ids).await.unwrap();
    let naming = std::collections::BTreeSet::from_iter(naming);
    let acts = ledger
        .acts_where(&ActFilter::default(), |_| true)
        .await
        .unwrap();
    let acts: Vec<_> = acts
        .into_iter()
        .map(|it| (it.number, it.act, it.mark))
        .collect();
    let mut names: Vec<_> = ledger.tokens().await.unwrap();
    names.sort_by(|a, b| a.name.cmp(&b.name));
    let found = (
        ledger.denied_in_use(0, None).await.unwrap(),
        ledger.decisions_behind(0, 100).await.unwrap(),
        ledger.notices().await.unwrap(),
        ledger.notice_cursor("in-use").await.unwrap(),
        ledger.was_told("denied img", now()).await.unwrap(),
        ledger.audit_seals().await.unwrap(),
        ledger.newest_position().await.unwrap(),
    );
    format!(
        "{found:#?}\n{held:#?}\n{first:#?}\n{naming:#?}\n{acts:#?}\n{names:#?}\n{:?} {:?} {:?} {:?}",
        ledger.mark(),
        ledger.index().is_revoked(&digest("bad")),
        ledger.index().active_break_glass(now()),
        ledger.index().active_modes(now()),
    )
}

async fn open(location: &LedgerLocation) -> Result<Ledger, LedgerError> {
    let options = LedgerOptions::of(location.clone());
    Ledger::open(options, LedgerAccess::Serve, now()).await
}

async fn told_at(location: &LedgerLocation) -> String {
    let ledger = open(location).await.unwrap();
    let told = told(&ledger).await;
    ledger.close().await;
    told
}

#[tokio::test]
async fn a_ledger_is_the_same_on_a_server_and_back_in_a_file() {
    let server = or_skip!(Place::on_server());
    let (file, back) = (Place::new(), Place::new());
    let ledger = file.serve().await;
    fill(&ledger).await;
    let before = told(&ledger).await;
    ledger.close().await;
    drop(ledger);

    let mut steps = 0;
    let copied = copy_ledger(&file.location(), &server.location(), |_| steps += 1).await;
    let copied = copied.unwrap();
    assert!(copied.rows > 20 && steps > 10, "{copied:?} {steps}");
    assert_eq!(told_at(&server.location()).await, before);
    // The old one is opened no more, by nobody.
    for access in [LedgerAccess::Serve, LedgerAccess::Client] {
        let refused = file.open(access).await.err().unwrap();
        assert!(matches!(refused, LedgerError::Moved), "{refused}");
    }
    let again = copy_ledger(&file.location(), &back.location(), silently).await;
    assert!(matches!(again, Err(LedgerError::Moved)), "{again:?}");

    copy_ledger(&server.location(), &back.location(), silently)
        .await
        .unwrap();
    assert_eq!(told_at(&back.location()).await, before);
    let refused = server.open(LedgerAccess::Serve).await.err().unwrap();
    assert!(matches!(refused, LedgerError::Moved), "{refused}");
}

/// Numbers go on behind those that were copied, and what came before is met again.
#[tokio::test]
async fn a_copied_ledger_is_written_on() {
    let server = or_skip!(Place::on_server());
    let file = Place::new();
    let ledger = file.serve().await;
    fill(&ledger).await;
    let (seq, named) = (
        ledger.index().seq(),
        ledger.first_reported([&digest("img")]).await.unwrap(),
    );
    ledger.close().await;
    drop(ledger);
    copy_ledger(&file.location(), &server.location(), silently)
        .await
        .unwrap();
    let ledger = server.serve().await;
    let id = ledger.revoke(revocation(digest("worse"))).await.unwrap();
    assert_eq!((id, ledger.index().seq()), (3, seq + 1));
    ledger.note_in_use(&[in_use("other")], &[]).await.unwrap();
    let behind = ledger.denied_in_use(2, None).await.unwrap();
    assert_eq!(behind.len(), 1, "no number is given twice");
    ledger.record_decisions(&[decision(3)]).await.unwrap();
    let told = ledger.decisions_behind(2, 9).await.unwrap();
    assert_eq!(told.len(), 1, "followers go on where they were");
    ledger
        .submit_scan(scan("img", now() + minutes(2)))
        .await
        .unwrap();
    let later = ledger.first_reported([&digest("img")]).await.unwrap();
    assert_eq!(later.len(), named.len(), "nothing begins anew");
    let taken = ledger.create_token(token("ci")).await.unwrap_err();
    assert!(matches!(taken, LedgerError::TokenExists(_)), "{taken}");
}

/// Tables that stay behind: what processes that serve tell of themselves and hold.
const STAY: [&str; 2] = ["leases", "replicas"];

const FILE_TABLES: &str = "SELECT name FROM sqlite_schema WHERE type = 'table' \
    AND name NOT LIKE 'sqlite~_%' ESCAPE '~' AND name <> '_sqlx_migrations' ORDER BY name";
const FILE_FINDINGS: &str = "SELECT finding FROM first_named ORDER BY finding";

/// Rows of each table of a file.
async fn counted_in_file(place: &Place) -> Vec<(String, i64)> {
    let mut beside = place.beside().await;
    let tables: Vec<String> = sqlx::query_scalar(FILE_TABLES)
        .fetch_all(&mut beside)
        .await
        .unwrap();
    let mut counted = Vec::new();
    for table in tables {
        let count = AssertSqlSafe(format!("SELECT count(*) FROM \"{table}\""));
        let count: i64 = sqlx::query_scalar(count)
            .fetch_one(&mut beside)
            .await
            .unwrap();
        counted.push((table, count));
    }
    counted
}

/// A table that is added is filled here, or it is said above why it stays behind.
#[tokio::test]
async fn every_table_is_brought_over() {
    let server = or_skip!(Place::on_server());
    let (file, back) = (Place::new(), Place::new());
    let ledger = file.serve().await;
    fill(&ledger).await;
    ledger.close().await;
    drop(ledger);
    let filled = counted_in_file(&file).await;
    let findings = file.text(FILE_FINDINGS).await;
    for (table, count) in &filled {
        let fills = *count > 0 || table == "replicas";
        assert!(fills, "this test fills nothing into {table}");
    }
    copy_ledger(&file.location(), &server.location(), silently)
        .await
        .unwrap();
    for (table, count) in &filled {
        let found = server.count(table);
        let stays = STAY.contains(&&**table);
        assert_eq!(found, if stays { 0 } else { *count }, "{table}");
    }
    copy_ledger(&server.location(), &back.location(), silently)
        .await
        .unwrap();
    let expected: Vec<_> = filled
        .into_iter()
        .map(|(table, count)| match STAY.contains(&&*table) {
            true => (table, 0),
            false => (table, count),
        })
        .collect();
    assert_eq!(counted_in_file(&back).await, expected);
    assert!(findings.contains("CVE-2026-3"), "{findings}");
    assert_eq!(back.text(FILE_FINDINGS).await, findings, "through jsonb");
}

/// Who serves a ledger on a server is seen there.
#[tokio::test]
async fn a_ledger_that_a_replica_serves_is_not_moved() {
    let server = or_skip!(Place::on_server());
    let target = Place::new();
    let serving = server.serve().await;
    let replica = Replica {
        id: "a".to_owned(),
        name: "gateway-1".to_owned(),
        version: "1".to_owned(),
        started: now(),
        age: SignedDuration::ZERO,
        change: 0,
    };
    serving.tell_replica(&replica, now()).await.unwrap();
    let served = copy_ledger(&server.location(), &target.location(), silently).await;
    let refused = served.unwrap_err();
    assert_eq!(refused.to_string(), "gateway-1 serves this ledger");
    serving.revoke(revocation(digest("img"))).await.unwrap();
    serving.forget_replica("a", now()).await.unwrap();
    copy_ledger(&server.location(), &target.location(), silently)
        .await
        .unwrap();
    // Who goes on nevertheless writes nothing more, and follows nothing.
    let late = serving.revoke(revocation(digest("other"))).await;
    assert!(matches!(late, Err(LedgerError::Displaced(_))), "{late:?}");
    assert!(serving.follow_once(now()).await.is_err());
}

/// How fast; `COPY_ROWS=1000000` measures.
#[tokio::test]
async fn many_rows_are_copied_and_compared() {
    let server = or_skip!(Place::on_server());
    let file = Place::new();
    file.serve().await.close().await;
    let said = std::env::var("COPY_ROWS").ok();
    let rows: i64 = said.and_then(|it| it.parse().ok()).unwrap_or(5000);
    let fill = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) \
                INSERT INTO facts SELECT 'production', 'registry.corp/app', \
                'sha256:' || printf('%064x', i), i, i, i, i, i FROM n";
    let mut beside = file.beside().await;
    sqlx::query(fill)
        .bind(rows)
        .execute(&mut beside)
        .await
        .unwrap();
    beside.close().await.unwrap();
    let begun = std::time::Instant::now();
    let copied = copy_ledger(&file.location(), &server.location(), silently)
        .await
        .unwrap();
    let seconds = begun.elapsed().as_secs_f64();
    println!("{} rows in {seconds:.1} s, to a server", copied.rows);
    assert_eq!(server.count("facts"), rows);
}

#[tokio::test]
async fn nothing_is_copied_over_a_ledger_below_a_serve_or_from_nowhere() {
    let server = or_skip!(Place::on_server());
    let file = Place::new();
    let ledger = file.serve().await;
    fill(&ledger).await;
    let served = copy_ledger(&file.location(), &server.location(), silently).await;
    assert!(
        matches!(served, Err(LedgerError::AlreadyServed(_))),
        "{served:?}"
    );
    ledger.close().await;
    drop(ledger);
    let used = server.serve().await;
    used.revoke(revocation(digest("own"))).await.unwrap();
    let full = copy_ledger(&file.location(), &server.location(), silently).await;
    assert!(matches!(full, Err(LedgerError::NotEmpty(_))), "{full:?}");
    assert!(used.index().is_revoked(&digest("own")));
    let nowhere = Place::new();
    let absent = copy_ledger(&nowhere.location(), &server.location(), silently).await;
    assert!(
        matches!(absent, Err(LedgerError::NoLedger(_))),
        "{absent:?}"
    );
    // The source is as it was.
    file.serve().await;
}

/// Broken off in its middle, the copy leaves an empty target, and begins again.
#[tokio::test]
async fn a_copy_that_was_broken_off_begins_again() {
    let server = or_skip!(Place::on_server());
    let file = Place::new();
    let ledger = file.serve().await;
    fill(&ledger).await;
    let before = told(&ledger).await;
    ledger.close().await;
    drop(ledger);
    let (from, to) = (file.location(), server.location());
    let broken = tokio::spawn(async move {
        copy_ledger(&from, &to, |progress| {
            assert!(progress.rows < 10, "broken off")
        })
        .await
    });
    assert!(broken.await.unwrap_err().is_panic());
    assert_eq!(server.text("SELECT count(*)::text FROM scans").await, "0");
    copy_ledger(&file.location(), &server.location(), silently)
        .await
        .unwrap();
    assert_eq!(told_at(&server.location()).await, before);
}
