//! Stopping, starting and changing the policy under way.

use std::time::Duration;

use sekisho::demo::{Fault, ImageBuilder};

use crate::kit::{Setup, World, amd64, blobs, image, manifests};

const NAME: &str = "docker.io/team/app";

#[tokio::test]
async fn a_blob_under_way_is_finished_when_the_program_stops() {
    let mut world = World::start().await;
    let content: Vec<u8> = (0..60_000u32).map(|n| (n % 251) as u8).collect();
    let app = ImageBuilder::new(amd64()).file("data", &content).build();
    world.hub.put_image("team/app", &app);
    world.admit(NAME, &app).await;
    let layer = &app.layers[0];
    let slow = Fault::Slow(4096, Duration::from_millis(20));
    world.hub.inject(&layer.digest.to_string(), 1, slow);
    let mut pull = world.send(0, "GET", &blobs(NAME, &layer.digest), &[]).await;
    assert_eq!(pull.head().await.status, 200);
    let registry = world.app().registries()[0];
    let app = world.take_app();
    let ((), body) = tokio::join!(app.stop(), pull.bytes(layer.bytes.len()));
    assert!(body == layer.bytes);
    assert!(tokio::net::TcpStream::connect(registry).await.is_err());
}

#[tokio::test]
async fn admission_and_cache_outlive_a_restart_and_the_upstream() {
    let mut world = World::start().await;
    let app = image("app");
    world.hub.put_image("team/app", &app);
    world.admit(NAME, &app).await;
    let paths: Vec<String> = app
        .blobs()
        .map(|piece| blobs(NAME, &piece.digest))
        .chain([manifests(NAME, &app.manifest.digest)])
        .collect();
    let mut before = Vec::new();
    for path in &paths {
        before.push(world.both(path).await);
    }
    world.stop().await;
    world.hub.inject("/v2/", usize::MAX, Fault::Status(500));
    world.hub.forget();
    world.serve().await;
    for (path, before) in paths.iter().zip(&before) {
        world.both(path).await.assert_same(before);
    }
    assert_eq!(world.asked(), 0);
}

#[tokio::test]
async fn what_is_admitted_and_cached_outlives_its_deletion_upstream() {
    let world = World::start().await;
    let app = image("app");
    world.hub.put_image("team/app", &app);
    world.admit(NAME, &app).await;
    let manifest = manifests(NAME, &app.manifest.digest);
    let layer = blobs(NAME, &app.layers[0].digest);
    for path in [&manifest, &layer] {
        assert_eq!(world.both(path).await.status, 200);
    }
    for digest in [&app.manifest.digest, &app.layers[0].digest] {
        world.hub.delete("team/app", &digest.to_string());
    }
    world
        .both(&manifest)
        .await
        .assert_served(&app.manifest.bytes);
    world.both(&layer).await.assert_served(&app.layers[0].bytes);
}

#[tokio::test]
async fn a_changed_policy_holds_from_the_next_answer_on() {
    let world = World::start().await;
    let app = image("app");
    world.hub.put_image("team/app", &app);
    let path = manifests(NAME, &app.manifest.digest);
    world.both(&path).await.assert_denied("not-scanned");
    world.write(&Setup::default().production("mode = \"audit\""));
    until(&world, &path, 200).await;
    // One that does not hold together changes nothing.
    world.write(&Setup::default().production("mode = \"lax\""));
    world.looked("policy").await;
    assert_eq!(world.both(&path).await.status, 200);
    world.write(&Setup::default());
    until(&world, &path, 403).await;
}

async fn until(world: &World, path: &str, status: u16) {
    for _ in 0..200 {
        if world.get(path).await.status == status {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("never {status}");
}
