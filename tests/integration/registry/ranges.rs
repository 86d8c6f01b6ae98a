//! Ranges of blobs (RFC 9110, 14), also of one that is still being fetched.

use std::time::Duration;

use http::Method;
use sekisho::demo::{Fault, ImageBuilder, RequestKind, SampleContent};

use crate::kit::{World, amd64, blobs};

const NAME: &str = "docker.io/team/app";

async fn world() -> (World, SampleContent) {
    let world = World::start().await;
    let content: Vec<u8> = (0..60_000u32).map(|n| (n % 251) as u8).collect();
    let app = ImageBuilder::new(amd64()).file("data", &content).build();
    world.hub.put_image("team/app", &app);
    world.admit(NAME, &app).await;
    (world, app.layers[0].clone())
}

async fn assert_ranges(world: &World, layer: &SampleContent) {
    let path = blobs(NAME, &layer.digest);
    let size = layer.bytes.len();
    for (range, first, last) in [
        ("bytes=0-0", 0, 0),
        ("bytes=10-19", 10, 19),
        ("bytes=50000-", 50_000, size - 1),
        ("bytes=-7", size - 7, size - 1),
        ("bytes=0-99999999", 0, size - 1),
        ("bytes=-99999999", 0, size - 1),
    ] {
        let reply = world.get_with(&path, &[("Range", range)]).await;
        assert_eq!(reply.status, 206, "{range}");
        assert!(reply.body == layer.bytes[first..=last], "{range}");
        let written = format!("bytes {first}-{last}/{size}");
        assert_eq!(reply.header("content-range"), Some(&*written));
        let digest = layer.digest.to_string();
        assert_eq!(reply.header("docker-content-digest"), Some(&*digest));
    }
    for range in [format!("bytes={size}-"), "bytes=-0".to_owned()] {
        let reply = world.get_with(&path, &[("Range", &range)]).await;
        assert_eq!(reply.status, 416, "{range}");
        let written = format!("bytes */{size}");
        assert_eq!(reply.header("content-range"), Some(&*written));
    }
    for ignored in [
        "bytes=5-2",
        "bytes=0-1,3-4",
        "lines=0-1",
        "bytes",
        "bytes=a-b",
    ] {
        let reply = world.get_with(&path, &[("Range", ignored)]).await;
        reply.assert_served(&layer.bytes);
    }
}

#[tokio::test]
async fn ranges_of_a_cold_and_of_a_cached_blob_are_served() {
    let (world, layer) = world().await;
    assert_ranges(&world, &layer).await;
    assert_ranges(&world, &layer).await;
    let digest = layer.digest.to_string();
    let asked = world
        .hub
        .count_of(&Method::GET, RequestKind::Blob, "team/app", &digest);
    assert_eq!(asked, 1);
}

/// There is no validator that could match (RFC 9110, 13.1.5).
#[tokio::test]
async fn a_range_of_another_version_is_the_whole_blob() {
    let (world, layer) = world().await;
    let headers = [("Range", "bytes=0-9"), ("If-Range", "\"other\"")];
    let reply = world.get_with(&blobs(NAME, &layer.digest), &headers).await;
    reply.assert_served(&layer.bytes);
}

#[tokio::test]
async fn ranges_of_a_blob_that_is_still_being_fetched_are_served() {
    let (world, layer) = world().await;
    let slow = Fault::Slow(4096, Duration::from_millis(10));
    world.hub.inject(&layer.digest.to_string(), 1, slow);
    let path = blobs(NAME, &layer.digest);
    let mut whole = world.send(0, "GET", &path, &[]).await;
    assert_eq!(whole.head().await.status, 200);
    let begin = world.get_with(&path, &[("Range", "bytes=0-9")]).await;
    assert!(begin.status == 206 && begin.body == layer.bytes[..10]);
    assert_ranges(&world, &layer).await;
    assert!(whole.bytes(layer.bytes.len()).await == layer.bytes);
    let digest = layer.digest.to_string();
    let asked = world
        .hub
        .count_of(&Method::GET, RequestKind::Blob, "team/app", &digest);
    assert_eq!(asked, 1);
}

/// A body that breaks off or is another never looks complete, and is not kept.
#[tokio::test]
async fn wrong_or_cut_bytes_are_never_a_whole_answer() {
    for fault in [Fault::WrongBytes, Fault::CutAfter(100)] {
        let (world, layer) = world().await;
        world
            .hub
            .inject(&layer.digest.to_string(), usize::MAX, fault);
        let path = blobs(NAME, &layer.digest);
        let address = world.app().registries()[0];
        let mut pull = crate::kit::Wire::send(address, "GET", &path, &[], b"").await;
        let (status, body) = pull.until_closed().await;
        assert!(status >= 500 || body.len() < layer.bytes.len());
        world.hub.heal();
        // A failure is remembered for ten seconds at most.
        world.advance(jiff::SignedDuration::from_secs(11));
        world.get(&path).await.assert_served(&layer.bytes);
    }
}
