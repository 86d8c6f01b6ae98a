//! Bypass 37: an image that is hidden below an index of an index.

use sekisho::demo::{SampleContent, SampleImage};

use crate::kit::{World, entry, image, index_of, manifests};

const NAME: &str = "docker.io/team/app";

/// An index of an index of these.
fn nested(images: &[&SampleImage]) -> [SampleContent; 2] {
    let entries: Vec<_> = images
        .iter()
        .map(|it| entry(it, "linux", "amd64"))
        .collect();
    let inner = index_of(&entries);
    let outer = index_of(&[inner.descriptor()]);
    [inner, outer]
}

#[tokio::test]
async fn what_lies_below_an_index_of_an_index_is_judged_like_any_child() {
    let world = World::start().await;
    let (good, bad) = (image("good"), image("bad"));
    let [inner, outer] = nested(&[&good, &bad]);
    for image in [&good, &bad] {
        world.hub.put_image("team/app", image);
    }
    for index in [&inner, &outer] {
        world.hub.put_manifest("team/app", index);
    }
    let forced = serde_json::json!({
        "image": format!("{NAME}@{}", outer.digest), "environment": "production", "force": true,
    });
    let promote = || world.admin("POST", "/api/v1/promotions", Some(&forced));
    world.scan(NAME, &good, &[]).await;
    promote().await;
    // One that nobody scanned denies whatever holds it.
    for index in [&inner, &outer] {
        let reply = world.both(&manifests(NAME, &index.digest)).await;
        assert_eq!(reply.status, 403, "{reply:?}");
    }
    let path = manifests(NAME, &bad.manifest.digest);
    world.both(&path).await.assert_denied("not-scanned");
    // And one that is revoked, two levels below.
    world.scan(NAME, &bad, &[]).await;
    promote().await;
    world.revoke(&bad.manifest.digest).await;
    for digest in [&inner.digest, &outer.digest, &bad.manifest.digest] {
        let reply = world.both(&manifests(NAME, digest)).await;
        assert_eq!(reply.status, 403, "{reply:?}");
        assert_ne!(reply.reason(), "not-scanned", "{reply:?}");
    }
    world.revoke(&outer.digest).await;
    let path = manifests(NAME, &good.manifest.digest);
    world.both(&path).await.assert_denied("revoked");
}
