//! A database that is put back from a dump has forgotten what was revoked since, until the
//! audit log is replayed.

use sekisho::metrics::SharedWork;

use super::stage::{admitted, gateway, is_revoked, make_database, pull, revoke, sooner_or_later};
use crate::cli::program::Program;
use crate::kit::lab::Ask;
use crate::kit::postgres::Postgres;
use crate::lab::or_skip;

#[tokio::test(flavor = "multi_thread")]
async fn a_dump_that_is_put_back_serves_nothing_that_was_revoked_since() {
    let server = or_skip!(Postgres::start());
    make_database(&server);
    let lab = gateway(&[&server], "").await;
    let (good, bad) = (
        admitted(&lab, "team/good").await,
        admitted(&lab, "team/bad").await,
    );
    sooner_or_later("the start is an act", || async {
        let acts = lab.api("GET", "/api/v1/acts?act=start").send().await;
        acts.text().contains("\"start\"")
    })
    .await;
    let dump = lab.folder.path().join("trust.dump");
    server.dump("trust", &dump);
    assert_eq!(pull(&lab, &bad).await.status, 200);
    revoke(&lab, &bad).await.expect(200);
    assert!(is_revoked(&lab, &bad).await);
    let mut ended = lab.ended().await;

    server.put_back("trust", &dump);
    let refused = ended.try_serve().await.unwrap_err().to_string();
    assert!(refused.contains("sekisho ledger replay"), "{refused}");
    let run = Program::new(&["ledger", "replay"])
        .config(&ended.file())
        .run();
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.stderr.contains("1 act of"), "{run:?}");
    assert!(run.stderr.contains("lost: nothing"), "{run:?}");
    ended.serve().await;
    let asked = async |named: &str| {
        let (name, digest) = named["registry.example/".len()..].split_once('@').unwrap();
        let path = format!("/v2/registry.example/{name}/manifests/{digest}");
        Ask::new(ended.app().registries()[0], "GET", &path)
            .send()
            .await
    };
    let denied = asked(&bad).await;
    assert_eq!(denied.status, 403, "{}", denied.text());
    assert!(denied.text().contains("revoked"), "{}", denied.text());
    assert_ne!(asked(&good).await.status, 403);
    ended.stop().await;
}

/// Of two machines the first wrote what people do into its log, and after its end the other:
/// whoever names the log of the first alone would un-revoke what the second's tells.
#[tokio::test(flavor = "multi_thread")]
async fn a_replay_without_the_log_of_another_replica_is_refused_until_that_is_named() {
    let server = or_skip!(Postgres::start());
    make_database(&server);
    let (first, second) = (gateway(&[&server], "").await, gateway(&[&server], "").await);
    sooner_or_later("the first logs", || async {
        first.parts().leases.held(SharedWork::Acts)
    })
    .await;
    let bad = admitted(&first, "team/bad").await;
    // Each decides something, so that it has a log, and the ledger knows that.
    for lab in [&first, &second] {
        pull(lab, &lab.put("team/other", "1").1).await.expect(403);
    }
    sooner_or_later("both logs are known", || async {
        server.sql("trust", "SELECT count(*) FROM audit_seals") == "2"
    })
    .await;
    let dump = first.folder.path().join("trust.dump");
    server.dump("trust", &dump);
    let first = first.ended().await;
    sooner_or_later("the second logs", || async {
        second.parts().leases.held(SharedWork::Acts)
    })
    .await;
    revoke(&second, &bad).await.expect(200);
    let second = second.ended().await;
    server.put_back("trust", &dump);
    let replay = || Program::new(&["ledger", "replay"]).config(&first.file());
    let run = replay().run();
    assert_eq!(run.code, 1, "{run:?}");
    assert!(run.stderr.contains("1 audit log"), "{run:?}");
    let logs = [&first, &second].map(|it| it.data().join("audit.jsonl"));
    let run = logs
        .iter()
        .fold(replay(), |run, log| run.arg("--log-file").arg(log));
    let run = run.run();
    assert_eq!(run.code, 0, "{run:?}");
    let revoked = "SELECT count(*) FROM revocations WHERE reinstated_at IS NULL";
    assert_eq!(server.sql("trust", revoked), "1");
}
