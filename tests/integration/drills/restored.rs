//! A database that is put back from a dump has forgotten what was revoked since, until the
//! audit log is replayed.

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
    assert!(run.stderr.contains("1 act(s)"), "{run:?}");
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
