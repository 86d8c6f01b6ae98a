//! Bypass 2: HEAD and GET walk the same line, in every state.

use std::time::Duration;

use sekisho::demo::{DemoRegistry, Fault, ImageBuilder};
use sekisho::oci::Digest;

use crate::kit::{Found, Setup, World, amd64, blobs, image, manifests};

const NAME: &str = "docker.io/team/app";

#[tokio::test]
async fn head_equals_get_of_a_manifest_in_every_state() {
    let world = World::start().await;
    let app = image("app");
    world.hub.put_image("team/app", &app);
    let path = manifests(NAME, &app.manifest.digest);
    world.both(&path).await.assert_denied("not-scanned");
    world.scan(NAME, &app, &[]).await;
    world.both(&path).await.assert_denied("not-promoted");
    world
        .promote(&format!("{NAME}@{}", app.manifest.digest))
        .await;
    world.both(&path).await.assert_served(&app.manifest.bytes);
    world.revoke(&app.manifest.digest).await;
    world.both(&path).await.assert_denied("revoked");
    world.reinstate(&app.manifest.digest).await;
    let found = Found {
        id: "CVE-2026-0001",
        severity: "CRITICAL",
        package: "zlib",
    };
    world.scan(NAME, &app, &[found]).await;
    world.both(&path).await.assert_denied("too-severe");
}

#[tokio::test]
async fn head_equals_get_of_a_blob_in_every_state() {
    let world = World::start().await;
    let app = image("app");
    world.hub.put_image("team/app", &app);
    let path = blobs(NAME, &app.layers[0].digest);
    world
        .both(&path)
        .await
        .assert_denied("not-in-admitted-image");
    world.admit(NAME, &app).await;
    world.both(&path).await.assert_served(&app.layers[0].bytes);
    world.revoke(&app.layers[0].digest).await;
    world.both(&path).await.assert_denied("revoked");
}

#[tokio::test]
async fn head_equals_get_of_what_is_not_there() {
    let world = World::start().await;
    let app = image("app");
    world.hub.put_image("team/app", &app);
    world.admit(NAME, &app).await;
    let absent = Digest::sha256(b"absent");
    for path in [
        manifests(NAME, "none"),
        manifests(NAME, &absent),
        manifests("docker.io/team/none", "1"),
    ] {
        let reply = world.both(&path).await;
        assert_eq!((reply.status, &*reply.code()), (404, "MANIFEST_UNKNOWN"));
    }
    world
        .hub
        .delete("team/app", &app.layers[0].digest.to_string());
    let reply = world.both(&blobs(NAME, &app.layers[0].digest)).await;
    assert_eq!((reply.status, &*reply.code()), (404, "BLOB_UNKNOWN"));
}

#[tokio::test]
async fn head_equals_get_while_the_upstream_is_down() {
    let world = World::start().await;
    let app = image("app");
    world.hub.put_image("team/app", &app);
    world.admit(NAME, &app).await;
    breaks(&world.hub);
    for path in [
        manifests(NAME, "1"),
        manifests(NAME, Digest::sha256(b"unknown")),
        blobs(NAME, &app.layers[0].digest),
    ] {
        let head = world.head(&path).await;
        let get = world.get(&path).await;
        for reply in [&head, &get] {
            assert_eq!(reply.status, 403, "{path}");
            // It refuses us, which does not pass by itself.
            assert!(reply.header("retry-after").is_none());
            assert!(reply.phrase.contains("not a policy denial"));
        }
    }
}

fn breaks(registry: &DemoRegistry) {
    registry.inject("/v2/", usize::MAX, Fault::Status(403));
}

#[tokio::test]
async fn head_equals_get_where_reasons_are_lifted() {
    for mode in ["audit", "warn"] {
        let setup = Setup::default().production(&format!("mode = \"{mode}\""));
        let world = World::of(setup).await;
        let app = image("app");
        world.hub.put_image("team/app", &app);
        let reply = world.both(&manifests(NAME, &app.manifest.digest)).await;
        reply.assert_served(&app.manifest.bytes);
        let reply = world.both(&blobs(NAME, &app.layers[0].digest)).await;
        reply.assert_served(&app.layers[0].bytes);
    }
}

/// Whoever asks with GET joins the fill, whatever the upstream says by now.
#[tokio::test]
async fn head_equals_get_of_a_blob_that_is_still_being_fetched() {
    let world = World::start().await;
    let content: Vec<u8> = (0..60_000u32).map(|n| (n % 251) as u8).collect();
    let app = ImageBuilder::new(amd64()).file("data", &content).build();
    world.hub.put_image("team/app", &app);
    world.admit(NAME, &app).await;
    let layer = &app.layers[0];
    let slow = Fault::Slow(4096, Duration::from_millis(10));
    world.hub.inject(&layer.digest.to_string(), 1, slow);
    let path = blobs(NAME, &layer.digest);
    let mut begun = world.send(0, "GET", &path, &[]).await;
    begun.bytes(8192).await;
    world.hub.delete("team/app", &layer.digest.to_string());
    world.both(&path).await.assert_served(&layer.bytes);
}
