//! Many who ask for the same: one request upstream, one answer for all.

use http::Method;
use sekisho::demo::{ImageBuilder, RequestKind, SampleImage};

use crate::kit::{Wire, World, amd64, blobs, image, manifests};

const NAME: &str = "docker.io/team/app";
const HERD: usize = 100;

async fn herd(world: &World, path: &str) -> Vec<Wire> {
    let mut pulls = Vec::new();
    for _ in 0..HERD {
        pulls.push(world.send(0, "GET", path, &[]).await);
    }
    pulls
}

fn large() -> SampleImage {
    let content: Vec<u8> = (0..200_000u32).map(|n| (n % 251) as u8).collect();
    ImageBuilder::new(amd64()).file("data", &content).build()
}

#[tokio::test]
async fn a_herd_of_cold_blobs_is_one_request_upstream() {
    let world = World::start().await;
    let app = large();
    world.hub.put_image("team/app", &app);
    world.admit(NAME, &app).await;
    let layer = &app.layers[0];
    let hold = world.hub.hold(&layer.digest.to_string());
    let pulls = herd(&world, &blobs(NAME, &layer.digest)).await;
    hold.arrived().await;
    hold.release();
    for pull in pulls {
        pull.reply().await.assert_served(&layer.bytes);
    }
    let digest = layer.digest.to_string();
    let asked = world
        .hub
        .count_of(&Method::GET, RequestKind::Blob, "team/app", &digest);
    assert_eq!(asked, 1);
}

/// Bypass 11: a follower's waiting takes another path.
#[tokio::test]
async fn those_who_wait_for_a_judgement_get_that_judgement() {
    let world = World::start().await;
    let app = image("app");
    world.hub.put_image("team/app", &app);
    world.hub.tag("team/app", "1", &app.manifest.digest);
    let hold = world.hub.hold(&app.manifest.digest.to_string());
    let mut pulls = herd(&world, &manifests(NAME, "1")).await;
    hold.arrived().await;
    // The one that began it goes away.
    drop(pulls.remove(0));
    hold.release();
    for pull in pulls {
        pull.reply().await.assert_denied("not-scanned");
    }
    let digest = app.manifest.digest.to_string();
    let asked = world
        .hub
        .count_of(&Method::GET, RequestKind::Manifest, "team/app", &digest);
    assert_eq!(asked, 1);
}

#[tokio::test]
async fn a_fill_outlives_the_client_that_began_it() {
    let world = World::start().await;
    let app = large();
    world.hub.put_image("team/app", &app);
    world.admit(NAME, &app).await;
    let layer = &app.layers[0];
    let path = blobs(NAME, &layer.digest);
    let hold = world.hub.hold(&layer.digest.to_string());
    let first = world.send(0, "GET", &path, &[]).await;
    hold.arrived().await;
    drop(first);
    hold.release();
    world.get(&path).await.assert_served(&layer.bytes);
    let digest = layer.digest.to_string();
    let asked = world
        .hub
        .count_of(&Method::GET, RequestKind::Blob, "team/app", &digest);
    assert_eq!(asked, 1);
}

/// A revocation while a fill is under way: whoever asks from then on is denied.
#[tokio::test]
async fn a_revocation_is_not_outrun_by_a_fill() {
    let world = World::start().await;
    let app = large();
    world.hub.put_image("team/app", &app);
    world.admit(NAME, &app).await;
    let layer = &app.layers[0];
    let path = blobs(NAME, &layer.digest);
    let hold = world.hub.hold(&layer.digest.to_string());
    let begun = world.send(0, "GET", &path, &[]).await;
    hold.arrived().await;
    world.revoke(&app.manifest.digest).await;
    world.get(&path).await.assert_denied("revoked");
    hold.release();
    // What began under a permit ends under it.
    begun.reply().await.assert_served(&layer.bytes);
    world.get(&path).await.assert_denied("revoked");
}
