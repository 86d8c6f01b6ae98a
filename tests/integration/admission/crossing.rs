//! Many reviews at once: each is answered with its own.

use std::sync::Arc;

use futures_util::stream::{self, StreamExt};
use sekisho::trust::Exposure;
use serde_json::json;

use super::door::{GATEWAY, cluster};
use super::{Door, pod, review};
use crate::kit::{World, image};

const REVIEWS: usize = 10_000;
/// Images that are there, each with its own digest; every other one has papers.
const IMAGES: usize = 40;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_concurrent_reviews_never_cross() {
    let world = World::start().await;
    let mut digests = Vec::new();
    for at in 0..IMAGES {
        let app = image(&format!("app{at}"));
        let name = format!("team/app{at}");
        world.corp.put_image(&name, &app);
        world.corp.tag(&name, "1", &app.manifest.digest);
        if at % 2 == 0 {
            world
                .admit(&format!("registry.corp:5000/{name}"), &app)
                .await;
        }
        digests.push(app.manifest.digest);
    }
    let mut cluster = cluster(Exposure::External);
    cluster.pin_digests = true;
    let (door, digests) = (Arc::new(Door::of(&world, cluster)), Arc::new(digests));
    let asked = (0..REVIEWS).map(|at| {
        let (door, digests) = (door.clone(), digests.clone());
        async move { one_review(&door, &digests, at).await }
    });
    stream::iter(asked)
        .buffer_unordered(REVIEWS)
        .collect::<Vec<()>>()
        .await;
}

/// Review number `at`: an image that only it names, and one of the shared ones.
async fn one_review(door: &Door, digests: &[sekisho::oci::Digest], at: usize) {
    let which = at % IMAGES;
    let digest = &digests[which];
    let own = format!("quay.io/own{at}:1");
    let tag = format!("registry.corp:5000/team/app{which}:1");
    let review =
        |object: &serde_json::Value| review(json!({"uid": format!("uid-{at}"), "object": object}));
    let object = pod(&[&tag]);
    let tried = door.mutate(&review(&object)).await;
    let pinned = format!("{GATEWAY}/corp/team/app{which}:1@{digest}");
    assert_eq!(
        tried.applied_to(&object)["spec"]["containers"][0]["image"],
        json!(pinned)
    );
    let tried = door.validate(&review(&pod(&[&tag]))).await;
    if !tried.is_undecidable() {
        assert_eq!(tried.allowed(), which.is_multiple_of(2), "{tried:?}");
    }
    if !tried.allowed() {
        assert!(
            tried.message().contains(&format!("team/app{which}:1")),
            "{}",
            tried.message()
        );
    }
    let tried = door.validate(&review(&pod(&[&own]))).await;
    assert!(tried.message().contains(&own), "{}", tried.message());
}
