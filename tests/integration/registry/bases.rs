//! A base layer in many images: no request judges more than a few of them.

use jiff::SignedDuration;
use sekisho::demo::{ImageBuilder, SampleImage};

use crate::kit::{Found, Setup, World, amd64, blobs, manifests};

const NAME: &str = "docker.io/team/app";
const BASE: &str = "registry.corp:5000/base/debian";
const WANTS_BASE: &str = "trusted_bases = [\"registry.corp:5000/base/**\"]";
/// More than one request judges.
const MANY: usize = 20;

fn image_on_base(number: usize) -> SampleImage {
    let builder = ImageBuilder::new(amd64()).file("base", b"base\n");
    builder.label("number", &number.to_string()).build()
}

#[tokio::test]
async fn a_layer_of_many_denied_images_is_undecidable_until_enough_are_judged() {
    let world = World::start().await;
    let images: Vec<SampleImage> = (0..20).map(image_on_base).collect();
    let found = Found {
        id: "CVE-2026-0001",
        severity: "CRITICAL",
        package: "zlib",
    };
    for image in &images {
        world.hub.put_image("team/app", image);
        world.scan(NAME, image, &[found]).await;
    }
    let path = blobs(NAME, &images[0].layers[0].digest);
    let reply = world.get(&path).await;
    assert_eq!((reply.status, reply.reason()), (503, "undecidable"));
    // The verdicts are remembered, so the next request comes further.
    world.get(&path).await.assert_denied("too-severe");
    world.scan(NAME, &images[7], &[]).await;
    world
        .promote(&format!("{NAME}@{}", images[7].manifest.digest))
        .await;
    for _ in 0..2 {
        let reply = world.both(&path).await;
        reply.assert_served(&images[7].layers[0].bytes);
    }
}

/// An image of these layers that differs from others by its number.
fn layered(layers: &[&str], number: usize) -> SampleImage {
    let start = ImageBuilder::new(amd64()).label("number", &number.to_string());
    let add = |builder: ImageBuilder, name: &&str| builder.file(name, name.as_bytes());
    layers.iter().fold(start, add).build()
}

async fn scanned(world: &World, name: &str, image: &SampleImage) {
    match name {
        BASE => world.corp.put_image("base/debian", image),
        _ => world.hub.put_image("team/app", image),
    }
    world.scan(name, image, &[]).await;
}

/// Newer images of the same layers as a base, which nobody promoted.
async fn rebuilds(world: &World) {
    for number in 1..=MANY {
        scanned(world, BASE, &layered(&["os"], number)).await;
    }
}

#[tokio::test]
async fn an_image_on_a_promoted_base_is_served_beside_many_newer_rebuilds_of_it() {
    let mut world = World::of(Setup::default().production(WANTS_BASE)).await;
    let base = layered(&["os"], 0);
    scanned(&world, BASE, &base).await;
    let named = format!("{BASE}@{}", base.manifest.digest);
    world.promote(&named).await;
    rebuilds(&world).await;
    let app = layered(&["os", "app"], 0);
    scanned(&world, NAME, &app).await;
    world
        .promote(&format!("{NAME}@{}", app.manifest.digest))
        .await;
    let path = manifests(NAME, &app.manifest.digest);
    world.both(&path).await.assert_served(&app.manifest.bytes);
    // Also where no verdict is remembered.
    world.stop().await;
    world.serve().await;
    world.get(&path).await.assert_served(&app.manifest.bytes);
}

/// Bases are promoted, and what is built on them need not be.
fn promoted_bases() -> Setup {
    let keys = format!(
        "{WANTS_BASE}\n[[environments.production.rules]]\n\
         repositories = [\"docker.io/**\"]\nrequire = [\"scan\"]"
    );
    Setup::default().production(&keys)
}

#[tokio::test]
async fn an_image_on_none_of_many_bases_is_undecidable_until_all_are_judged() {
    let world = World::of(promoted_bases()).await;
    let app = layered(&["os", "app"], 0);
    scanned(&world, NAME, &app).await;
    rebuilds(&world).await;
    let path = manifests(NAME, &app.manifest.digest);
    world.advance(SignedDuration::from_secs(1));
    assert_eq!(world.get(&path).await.status, 503);
    world.advance(SignedDuration::from_secs(1));
    world.get(&path).await.assert_denied("untrusted-base");
}

/// Images with a layer in common: an old one begins with a trusted base, and no other. The
/// oldest is asked first as long as none was permitted.
async fn one_on_a_base(world: &World) -> SampleImage {
    let base = layered(&["os"], 0);
    scanned(world, BASE, &base).await;
    let app = layered(&["os", "shared"], 0);
    scanned(world, NAME, &layered(&["shared"], 0)).await;
    scanned(world, NAME, &app).await;
    for number in 1..=MANY {
        scanned(world, NAME, &layered(&["shared"], number)).await;
    }
    app
}

fn lenient() -> Setup {
    Setup::default().production(&format!("require = [\"scan\"]\n{WANTS_BASE}"))
}

/// What rests on a base is judged anew by each request.
#[tokio::test]
async fn a_layer_of_many_images_without_a_base_is_served_once_the_one_on_a_base_is_asked() {
    let world = World::of(lenient()).await;
    let app = one_on_a_base(&world).await;
    let layer = blobs(NAME, &app.layers[1].digest);
    world.advance(SignedDuration::from_secs(1));
    assert_eq!(world.get(&layer).await.status, 503);
    world.advance(SignedDuration::from_secs(1));
    world.get(&layer).await.assert_served(&app.layers[1].bytes);
}

#[tokio::test]
async fn a_layer_of_an_image_that_was_served_just_now_is_served_at_once() {
    let world = World::of(lenient()).await;
    let app = one_on_a_base(&world).await;
    world.advance(SignedDuration::from_secs(1));
    let path = manifests(NAME, &app.manifest.digest);
    world.get(&path).await.assert_served(&app.manifest.bytes);
    world.advance(SignedDuration::from_secs(1));
    let layer = blobs(NAME, &app.layers[1].digest);
    world.get(&layer).await.assert_served(&app.layers[1].bytes);
}

#[tokio::test]
async fn a_layer_of_many_images_without_a_base_is_denied_once_all_are_judged() {
    let world = World::of(lenient()).await;
    for number in 1..=MANY {
        scanned(&world, NAME, &layered(&["shared"], number)).await;
    }
    let layer = blobs(NAME, &layered(&["shared"], 1).layers[0].digest);
    assert_eq!(world.get(&layer).await.status, 503);
    world.advance(SignedDuration::from_secs(1));
    world.get(&layer).await.assert_denied("untrusted-base");
}

#[tokio::test]
async fn an_image_that_cannot_be_judged_now_hides_no_other_that_holds_the_layer() {
    let world = World::of(promoted_bases()).await;
    // The oldest is asked first.
    scanned(&world, NAME, &layered(&["os", "shared"], 0)).await;
    rebuilds(&world).await;
    let base = layered(&["other"], 0);
    scanned(&world, BASE, &base).await;
    world
        .promote(&format!("{BASE}@{}", base.manifest.digest))
        .await;
    let app = layered(&["other", "shared"], 0);
    scanned(&world, NAME, &app).await;
    world.advance(SignedDuration::from_secs(1));
    let layer = blobs(NAME, &app.layers[1].digest);
    world.get(&layer).await.assert_served(&app.layers[1].bytes);
}
