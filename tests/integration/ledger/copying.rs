//! A ledger that is moved to another database, and back.

use sekisho::ledger::{
    ActFilter, CopyProgress, Ledger, LedgerAccess, LedgerError, LedgerLocation, LedgerOptions,
    PullFact, copy_ledger,
};
use sekisho::trust::Mode;

use super::records::*;
use crate::lab::or_skip;

fn silently(_: CopyProgress<'_>) {}

/// Something of everything.
async fn fill(ledger: &Ledger) {
    for root in ["img", "other"] {
        let closure = image(root, &["base"]);
        ledger.record_closure(&app(), &closure).await.unwrap();
        ledger.submit_scan(scan(root, now())).await.unwrap();
    }
    // One more of the same tool: findings are known since the first.
    let mut later = scan("img", now() + minutes(1));
    later.findings.push(finding("CVE-2026-3"));
    later.received_at = now() + minutes(1);
    ledger.submit_scan(later).await.unwrap();
    ledger.submit_scan(unbound("id", now())).await.unwrap();
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
    let fact = PullFact {
        subject: subject("img"),
        at: now(),
        served: true,
    };
    ledger.record_facts(&[fact]).await.unwrap();
    ledger.prune_changes(3).await.unwrap();
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
    format!(
        "{held:#?}\n{first:#?}\n{naming:#?}\n{acts:#?}\n{names:#?}\n{:?} {:?} {:?} {:?}",
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
    ledger
        .submit_scan(scan("img", now() + minutes(2)))
        .await
        .unwrap();
    let later = ledger.first_reported([&digest("img")]).await.unwrap();
    assert_eq!(later.len(), named.len(), "nothing begins anew");
    let taken = ledger.create_token(token("ci")).await.unwrap_err();
    assert!(matches!(taken, LedgerError::TokenExists(_)), "{taken}");
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
