//! Many reviews at once: each is answered with its own.

use std::sync::Arc;

use futures_util::stream::{self, StreamExt};
use sekisho::trust::Exposure;
use serde_json::json;

use super::door::{GATEWAY, cluster};
use super::{Door, pod, review};
use crate::kit::{World, image};

/// Each is asked both webhooks.
const PODS: usize = 5_000;
/// Images that are there, each with its own digest; every other one has evidence.
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
    let asked = (0..PODS).map(|at| {
        let (door, digests) = (door.clone(), digests.clone());
        async move { one_review(&door, &digests, at).await }
    });
    stream::iter(asked)
        .buffer_unordered(PODS)
        .collect::<Vec<()>>()
        .await;
}

/// Pod number `at`: an image that only it names, and one of the shared ones.
async fn one_review(door: &Door, digests: &[sekisho::oci::Digest], at: usize) {
    let which = at % IMAGES;
    let own = format!("quay.io/own{at}:1");
    let tag = format!("registry.corp:5000/team/app{which}:1");
    let object = pod(&[&tag, &own]);
    let review = review(json!({"uid": format!("uid-{at}"), "object": object}));
    let written = door.mutate(&review).await.applied_to(&object);
    let pinned = format!("{GATEWAY}/corp/team/app{which}:1@{}", digests[which]);
    assert_eq!(written["spec"]["containers"][0]["image"], json!(pinned));
    assert_eq!(written["spec"]["containers"][1]["image"], json!(own));
    let tried = door.validate(&review).await;
    assert!(!tried.allowed(), "nobody serves {own}");
    let lines: Vec<&str> = tried.message().lines().collect();
    let own_line = format!("\"c1\" {own}: unknown-upstream: ");
    assert!(lines[lines.len() - 1].contains(&own_line), "{lines:?}");
    // Every other image has evidence; one that there was no time for is told so.
    let is_bad = !which.is_multiple_of(2);
    let undecided = lines[0].contains("undecidable");
    assert_eq!(
        lines.len(),
        1 + usize::from(is_bad || undecided),
        "{lines:?}"
    );
    if lines.len() == 2 {
        assert!(lines[0].contains(&format!("\"c0\" {tag}: ")), "{lines:?}");
    }
}
