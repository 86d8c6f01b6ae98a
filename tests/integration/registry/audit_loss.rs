//! What becomes of pulls while the audit log cannot be written.

use crate::kit::{FullPipe, Setup, World, blobs, eventually, image, manifests};

const NAME: &str = "corp/team/app";

/// An admitted image behind a log whose disk is full.
async fn pulls(on_loss: &str) -> (World, String, String) {
    let keys = format!("[audit]\npath = \"/dev/full\"\n{on_loss}");
    let world = World::of(Setup::default().production("require = []").more(&keys)).await;
    let app = image("app");
    world.corp.put_image("team/app", &app);
    let failing = || async {
        let page = world.parts().metrics.encode();
        page.contains("sekisho_store_failing{store=\"audit\"} 1")
    };
    eventually("the log cannot be written", failing).await;
    let manifest = manifests(NAME, &app.manifest.digest);
    (world, manifest, blobs(NAME, &app.layers[0].digest))
}

#[tokio::test]
async fn while_the_audit_log_cannot_be_written_pulls_go_on() {
    let (world, manifest, layer) = pulls("").await;
    for path in [&manifest, &layer] {
        assert_eq!(world.both(path).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn nothing_is_served_off_the_record_where_the_operator_says_so() {
    let (world, manifest, layer) = pulls("on_loss = \"deny\"").await;
    for path in [&manifest, &layer] {
        let denied = world.both(path).await;
        assert_eq!(denied.status, 503, "{denied:?}");
        assert!(
            String::from_utf8_lossy(&denied.body).contains("the audit log cannot be written"),
            "{denied:?}"
        );
    }
}

async fn behind_full_pipe(on_loss: &str) -> (World, FullPipe, String) {
    let pipe = FullPipe::new();
    let path = format!("[audit]\npath = \"{}\"\n", pipe.path.display());
    let setup = Setup::default().production("require = []");
    let world = World::of(setup.more(&format!("{path}{on_loss}"))).await;
    let app = image("app");
    world.corp.put_image("team/app", &app);
    (world, pipe, manifests(NAME, &app.manifest.digest))
}

#[tokio::test]
async fn a_log_that_neither_takes_nor_refuses_counts_as_one_that_cannot_be_written() {
    let (world, pipe, manifest) = behind_full_pipe("on_loss = \"deny\"").await;
    let is = async |status| world.both(&manifest).await.status == status;
    eventually("nothing is served off the record", || is(503)).await;
    let status = world.admin("GET", "/api/v1/status", None).await.json();
    let told = status["audit"]["problem"].as_str().unwrap();
    assert!(told.contains("a write to it does not return"), "{told}");
    let served = async || {
        pipe.read();
        is(200).await
    };
    eventually("it is read again", served).await;
}

#[tokio::test]
async fn decisions_are_listed_while_the_log_hangs_and_logged_once_when_it_is_read() {
    let (world, pipe, manifest) = behind_full_pipe("").await;
    assert_eq!(world.get(&manifest).await.status, 200);
    world.decisions("allowed", 1).await;
    let other = image("other");
    world.corp.put_image("team/other", &other);
    let manifest = manifests("corp/team/other", &other.manifest.digest);
    assert_eq!(world.get(&manifest).await.status, 200);
    let listed = world.decisions("allowed", 2).await;
    let ids: Vec<&str> = listed.iter().map(|it| it["id"].as_str().unwrap()).collect();
    let mut log = String::new();
    let is_logged = async || {
        log.push_str(&pipe.read());
        ids.iter().all(|id| log.matches(id).count() == 1)
    };
    eventually("each is logged once", is_logged).await;
}
