//! A base layer in many images: no request judges more than a few of them.

use sekisho::demo::{ImageBuilder, SampleImage};

use crate::kit::{Found, World, amd64, blobs};

const NAME: &str = "docker.io/team/app";

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
