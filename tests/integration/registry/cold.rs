//! The first pull is judged like any other.

use http::Method;
use sekisho::demo::RequestKind;

use crate::kit::{World, blobs, image, manifests};

/// Bypass 1: the first, cold pull skips the gate.
#[tokio::test]
async fn a_cold_pull_of_an_unscanned_image_is_denied_and_no_layer_is_asked_for() {
    let world = World::start().await;
    let app = image("app");
    world.hub.put_image("team/app", &app);
    world.hub.tag("team/app", "1", &app.manifest.digest);
    for reference in ["1".to_owned(), app.manifest.digest.to_string()] {
        let reply = world.get(&manifests("docker.io/team/app", reference)).await;
        reply.assert_denied("not-scanned");
    }
    for piece in &app.layers {
        let reply = world.get(&blobs("docker.io/team/app", &piece.digest)).await;
        reply.assert_denied("not-in-admitted-image");
        let digest = piece.digest.to_string();
        for method in [Method::GET, Method::HEAD] {
            let asked = world
                .hub
                .count_of(&method, RequestKind::Blob, "team/app", &digest);
            assert_eq!(asked, 0, "{method} {digest}");
        }
    }
}

#[tokio::test]
async fn an_admitted_image_is_served_verbatim_and_asked_for_once() {
    let world = World::start().await;
    let app = image("app");
    world.hub.put_image("team/app", &app);
    world.hub.tag("team/app", "1", &app.manifest.digest);
    world.admit("docker.io/team/app", &app).await;
    for _ in 0..2 {
        let reply = world.both(&manifests("docker.io/team/app", "1")).await;
        reply.assert_served(&app.manifest.bytes);
        let digest = app.manifest.digest.to_string();
        let media_type = app.manifest.media_type.to_string();
        assert_eq!(reply.header("docker-content-digest"), Some(&*digest));
        assert_eq!(reply.header("content-type"), Some(&*media_type));
        for piece in app.blobs() {
            let reply = world.get(&blobs("docker.io/team/app", &piece.digest)).await;
            reply.assert_served(&piece.bytes);
        }
    }
    for piece in &app.layers {
        let digest = piece.digest.to_string();
        let asked = world
            .hub
            .count_of(&Method::GET, RequestKind::Blob, "team/app", &digest);
        assert_eq!(asked, 1);
    }
}

/// Bypass 3: blobs served without asking, or by anything but the closure of a
/// permitted image.
#[tokio::test]
async fn a_blob_that_no_admitted_image_holds_is_denied_though_upstream_has_it() {
    let world = World::start().await;
    let (app, stray) = (image("app"), image("stray"));
    world.hub.put_image("team/app", &app);
    world.hub.put_image("team/app", &stray);
    world.admit("docker.io/team/app", &app).await;
    let reply = world
        .both(&blobs("docker.io/team/app", &stray.layers[0].digest))
        .await;
    reply.assert_denied("not-in-admitted-image");
    // Known by now, and still not permitted.
    let manifest = manifests("docker.io/team/app", &stray.manifest.digest);
    world.get(&manifest).await.assert_denied("not-scanned");
    let reply = world
        .both(&blobs("docker.io/team/app", &stray.layers[0].digest))
        .await;
    assert_eq!(reply.status, 403);
}

/// Bypass 4: a manifest's bytes through the address of a blob.
#[tokio::test]
async fn the_bytes_of_a_manifest_are_not_served_as_a_blob() {
    let world = World::start().await;
    let (app, denied) = (image("app"), image("denied"));
    for image in [&app, &denied] {
        world.hub.put_image("team/app", image);
        // Some registries hold manifests among their blobs.
        world.hub.put_blob("team/app", &image.manifest);
    }
    world.admit("docker.io/team/app", &app).await;
    for image in [&app, &denied] {
        let path = manifests("docker.io/team/app", &image.manifest.digest);
        world.get(&path).await;
        let reply = world
            .both(&blobs("docker.io/team/app", &image.manifest.digest))
            .await;
        reply.assert_denied("not-in-admitted-image");
    }
}
