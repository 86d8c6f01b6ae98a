//! What becomes of pulls while the audit log cannot be written.

use crate::kit::{Setup, World, blobs, eventually, image, manifests};

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
