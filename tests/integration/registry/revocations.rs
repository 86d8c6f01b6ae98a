//! Bypass 19: a verdict that cannot be revoked; a revoked index whose child
//! still pulls.

use sekisho::demo::SampleIndex;

use crate::kit::{Setup, World, blobs, image, image_on, manifests};

const NAME: &str = "docker.io/team/app";

#[tokio::test]
async fn a_revoked_index_takes_children_and_blobs_along_at_once() {
    let world = World::start().await;
    let index = SampleIndex::new(vec![image_on("app", "amd64"), image_on("app", "arm64")]);
    world.hub.put_index("team/app", &index);
    world.admit_index(NAME, &index).await;
    let child = &index.images[0];
    let paths = [
        manifests(NAME, &index.manifest.digest),
        manifests(NAME, &child.manifest.digest),
        blobs(NAME, &child.config.digest),
        blobs(NAME, &child.layers[0].digest),
    ];
    for path in &paths {
        assert_eq!(world.both(path).await.status, 200, "{path}");
    }
    world.revoke(&index.manifest.digest).await;
    for path in &paths {
        world.both(path).await.assert_denied("revoked");
    }
    world.reinstate(&index.manifest.digest).await;
    for path in &paths {
        assert_eq!(world.both(path).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn a_revoked_child_denies_its_index_and_not_its_sibling() {
    let world = World::start().await;
    let index = SampleIndex::new(vec![image_on("app", "amd64"), image_on("app", "arm64")]);
    world.hub.put_index("team/app", &index);
    world.admit_index(NAME, &index).await;
    let path = |at: usize| manifests(NAME, &index.images[at].manifest.digest);
    let whole = manifests(NAME, &index.manifest.digest);
    for path in [&whole, &path(0), &path(1)] {
        assert_eq!(world.both(path).await.status, 200);
    }
    world.revoke(&index.images[0].manifest.digest).await;
    world.both(&whole).await.assert_denied("revoked");
    world.both(&path(0)).await.assert_denied("revoked");
    assert_eq!(world.both(&path(1)).await.status, 200);
}

#[tokio::test]
async fn a_revoked_layer_denies_every_image_that_holds_it() {
    let world = World::start().await;
    let app = image("app");
    for name in ["team/app", "team/copy"] {
        world.hub.put_image(name, &app);
        world.admit(&format!("docker.io/{name}"), &app).await;
    }
    world.revoke(&app.layers[0].digest).await;
    for name in ["docker.io/team/app", "docker.io/team/copy"] {
        let reply = world.both(&manifests(name, &app.manifest.digest)).await;
        reply.assert_denied("revoked");
        let reply = world.both(&blobs(name, &app.config.digest)).await;
        reply.assert_denied("revoked");
    }
}

#[tokio::test]
async fn no_mode_lifts_a_revocation() {
    for mode in ["audit", "warn", "enforce"] {
        let setup = Setup::default().production(&format!("mode = \"{mode}\""));
        let world = World::of(setup).await;
        let app = image("app");
        world.hub.put_image("team/app", &app);
        world.revoke(&app.manifest.digest).await;
        let reply = world.both(&manifests(NAME, &app.manifest.digest)).await;
        reply.assert_denied("revoked");
    }
}

/// Nobody had asked for the index before, so nothing of it was on record.
#[tokio::test]
async fn a_child_of_an_index_that_was_seen_to_be_revoked_is_revoked() {
    let world = World::of(Setup::default().production("mode = \"audit\"")).await;
    let index = SampleIndex::new(vec![image_on("app", "amd64"), image_on("app", "arm64")]);
    world.hub.put_index("team/app", &index);
    world.revoke(&index.manifest.digest).await;
    let reply = world.both(&manifests(NAME, &index.manifest.digest)).await;
    reply.assert_denied("revoked");
    for child in &index.images {
        let reply = world.both(&manifests(NAME, &child.manifest.digest)).await;
        reply.assert_denied("revoked");
        let reply = world.both(&blobs(NAME, &child.layers[0].digest)).await;
        assert_eq!(reply.status, 403);
    }
}
