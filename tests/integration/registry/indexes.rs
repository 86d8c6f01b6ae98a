//! Bypass 7: an index admitted and its child never judged, swapped or labelled
//! with another platform than its config's.

use sekisho::demo::{SampleImage, SampleIndex};
use serde_json::json;

use crate::kit::{Setup, World, blobs, entry, image, image_on, index_of, manifests};

const NAME: &str = "docker.io/team/app";

fn children() -> [SampleImage; 2] {
    [image_on("app", "amd64"), image_on("app", "arm64")]
}

#[tokio::test]
async fn an_index_is_not_promoted_before_each_child_is_scanned() {
    let world = World::start().await;
    let index = SampleIndex::new(children().to_vec());
    world.hub.put_index("team/app", &index);
    world.scan(NAME, &index.images[0], &[]).await;
    let named = format!("{NAME}@{}", index.manifest.digest);
    let body = json!({ "image": named, "environment": "production" });
    let reply = world.admin("POST", "/api/v1/promotions", Some(&body)).await;
    assert_eq!(reply.status, 422);
    let path = manifests(NAME, &index.manifest.digest);
    assert_eq!(world.both(&path).await.status, 403);
    world.admit_index(NAME, &index).await;
    world.both(&path).await.assert_served(&index.manifest.bytes);
}

/// A forced promotion promotes; it scans nothing.
#[tokio::test]
async fn a_child_needs_a_scan_of_its_own() {
    let world = World::start().await;
    let index = SampleIndex::new(children().to_vec());
    world.hub.put_index("team/app", &index);
    world.scan(NAME, &index.images[0], &[]).await;
    let named = format!("{NAME}@{}", index.manifest.digest);
    let body = json!({ "image": named, "environment": "production", "force": true });
    let reply = world.admin("POST", "/api/v1/promotions", Some(&body)).await;
    assert_eq!(reply.status, 200);
    let path = |image: &SampleImage| manifests(NAME, &image.manifest.digest);
    let reply = world.both(&path(&index.images[0])).await;
    reply.assert_served(&index.images[0].manifest.bytes);
    let reply = world.both(&path(&index.images[1])).await;
    reply.assert_denied("not-scanned");
    let layer = blobs(NAME, &index.images[1].layers[0].digest);
    world.both(&layer).await.assert_denied("not-scanned");
    let reply = world.both(&manifests(NAME, &index.manifest.digest)).await;
    assert_eq!(reply.status, 403);
}

#[tokio::test]
async fn an_index_that_is_not_deployed_whole_needs_only_what_is_deployed() {
    let world = World::of(Setup::default().production("platforms = [\"linux/amd64\"]")).await;
    let index = SampleIndex::new(children().to_vec());
    world.hub.put_index("team/app", &index);
    world.scan(NAME, &index.images[0], &[]).await;
    world
        .promote(&format!("{NAME}@{}", index.manifest.digest))
        .await;
    let reply = world.both(&manifests(NAME, &index.manifest.digest)).await;
    reply.assert_served(&index.manifest.bytes);
    let reply = world
        .both(&manifests(NAME, &index.images[1].manifest.digest))
        .await;
    reply.assert_denied("platform-not-allowed");
    let layer = blobs(NAME, &index.images[1].layers[0].digest);
    assert_eq!(world.both(&layer).await.status, 403);
}

#[tokio::test]
async fn a_child_labelled_with_another_platform_is_refused() {
    for (os, architecture) in [
        ("linux", "arm64"),
        ("windows", "amd64"),
        ("unknown", "unknown"),
    ] {
        let world = World::of(Setup::default().production("mode = \"audit\"")).await;
        let [amd64, arm64] = children();
        world.hub.put_image("team/app", &amd64);
        world.hub.put_image("team/app", &arm64);
        let label = entry(&amd64, os, architecture);
        let index = index_of(&[label, entry(&arm64, "linux", "arm64")]);
        world.hub.put_manifest("team/app", &index);
        let reply = world.both(&manifests(NAME, &index.digest)).await;
        reply.assert_denied("manifest-refused");
    }
}

/// As most ARM images are: the entry says `v6`, and the config no variant.
#[tokio::test]
async fn an_index_that_alone_says_the_variants_is_served() {
    let world = World::start().await;
    let [amd64, arm64] = children();
    let labelled = |image: &SampleImage, architecture: &str, variant: &str| {
        world.hub.put_image("team/app", image);
        let mut entry = entry(image, "linux", architecture);
        entry["platform"]["variant"] = json!(variant);
        entry
    };
    let entries = [
        labelled(&amd64, "amd64", "v2"),
        labelled(&arm64, "arm64", "v9"),
    ];
    let index = index_of(&entries);
    world.hub.put_manifest("team/app", &index);
    for image in [&amd64, &arm64] {
        world.scan(NAME, image, &[]).await;
    }
    world.promote(&format!("{NAME}@{}", index.digest)).await;
    let reply = world.both(&manifests(NAME, &index.digest)).await;
    reply.assert_served(&index.bytes);
    for image in [&amd64, &arm64] {
        let reply = world.both(&manifests(NAME, &image.manifest.digest)).await;
        reply.assert_served(&image.manifest.bytes);
    }
}

/// Neither a label nor an index makes another platform of it.
#[tokio::test]
async fn a_child_of_a_platform_that_is_not_deployed_is_refused_in_every_mode() {
    for mode in ["enforce", "audit"] {
        let keys = format!("mode = \"{mode}\"\nplatforms = [\"linux/arm64\"]");
        let world = World::of(Setup::default().production(&keys)).await;
        let [amd64, arm64] = children();
        world.hub.put_image("team/app", &amd64);
        world.hub.put_image("team/app", &arm64);
        let label = entry(&amd64, "linux", "arm64");
        let index = index_of(&[label, entry(&arm64, "linux", "arm64")]);
        world.hub.put_manifest("team/app", &index);
        let _ = world.both(&manifests(NAME, &index.digest)).await;
        let child = manifests(NAME, &amd64.manifest.digest);
        world
            .both(&child)
            .await
            .assert_denied("platform-not-allowed");
        let layer = blobs(NAME, &amd64.layers[0].digest);
        assert_eq!(world.both(&layer).await.status, 403, "{mode}");
    }
}

/// The upstream answers one child's address with another's bytes.
#[tokio::test]
async fn a_child_with_other_bytes_than_its_digest_is_never_served() {
    let world = World::of(Setup::default().production("mode = \"audit\"")).await;
    let (app, evil) = (image("app"), image("evil"));
    let index = SampleIndex::new(vec![app.clone()]);
    world.hub.put_index("team/app", &index);
    let mut swapped = evil.manifest.clone();
    swapped.digest = app.manifest.digest.clone();
    world.hub.put_manifest("team/app", &swapped);
    for digest in [&index.manifest.digest, &app.manifest.digest] {
        let reply = world.get(&manifests(NAME, digest)).await;
        assert!(reply.status >= 403, "{reply:?}");
        assert_ne!(reply.body, evil.manifest.bytes);
    }
}

#[tokio::test]
async fn an_attestation_follows_its_index() {
    let setup = |types: &str| Setup::default().production(&format!("referrer_types = [{types}]"));
    let in_toto = "application/vnd.in-toto+json";
    for (types, served) in [("", false), (&*format!("\"{in_toto}\""), true)] {
        let world = World::of(setup(types)).await;
        let index = SampleIndex::attested(children().to_vec());
        world.hub.put_index("team/app", &index);
        let attestation = &index.attestations[0].manifest;
        let path = manifests(NAME, &attestation.digest);
        assert_eq!(world.both(&path).await.status, 403);
        world.admit_index(NAME, &index).await;
        let reply = world.both(&manifests(NAME, &index.manifest.digest)).await;
        reply.assert_served(&index.manifest.bytes);
        let reply = world.both(&path).await;
        assert_eq!(reply.status == 200, served, "{reply:?}");
    }
}

/// A child that its index labels with a platform that is not deployed: refused as a child, so
/// that the index needs nothing of it, and scanned.
async fn mislabelled(world: &World) -> (SampleImage, String) {
    let [good, other] = [image_on("good", "amd64"), image_on("other", "amd64")];
    let index = index_of(&[
        entry(&good, "linux", "amd64"),
        entry(&other, "windows", "amd64"),
    ]);
    for image in [&good, &other] {
        world.hub.put_image("team/app", image);
        world.scan(NAME, image, &[]).await;
    }
    world.hub.put_manifest("team/app", &index);
    (other, format!("{NAME}@{}", index.digest))
}

async fn assert_denied_everywhere(world: &World, image: &SampleImage, reason: &str) {
    let digest = &image.manifest.digest;
    world
        .both(&manifests(NAME, digest))
        .await
        .assert_denied(reason);
    let layer = blobs(NAME, &image.layers[0].digest);
    world.both(&layer).await.assert_denied(reason);
    let target = format!("/api/v1/verdicts?image={NAME}@{digest}&environment=production");
    let verdict = world.admin("GET", &target, None).await.json();
    assert_eq!(verdict["reasons"][0]["reason"], reason, "{verdict}");
}

#[tokio::test]
async fn a_promoted_index_promotes_no_child_that_it_labels_falsely() {
    let amd64 = "platforms = [\"linux/amd64\"]";
    let world = World::of(Setup::default().production(amd64)).await;
    let (other, index) = mislabelled(&world).await;
    world.promote(&index).await;
    let whole = index.rsplit('@').next().unwrap();
    assert_eq!(world.both(&manifests(NAME, whole)).await.status, 200);
    assert_denied_everywhere(&world, &other, "not-promoted").await;
    // It is judged by what is said of itself.
    world.admit(NAME, &other).await;
    let own = manifests(NAME, &other.manifest.digest);
    world.both(&own).await.assert_served(&other.manifest.bytes);
}

#[tokio::test]
async fn break_glass_for_an_index_lets_no_child_through_that_it_labels_falsely() {
    let amd64 = "platforms = [\"linux/amd64\"]";
    let world = World::of(Setup::default().production(amd64)).await;
    let (other, index) = mislabelled(&world).await;
    let body = json!({
        "image": index, "environment": "production", "ticket": "INC-1", "hours": 1,
        "reason": "outage",
    });
    let reply = world
        .admin("POST", "/api/v1/break-glass", Some(&body))
        .await;
    assert_eq!(reply.status, 200, "{}", reply.json());
    let whole = index.rsplit('@').next().unwrap();
    assert_eq!(world.both(&manifests(NAME, whole)).await.status, 200);
    assert_denied_everywhere(&world, &other, "not-promoted").await;
}

/// What is said against an index holds for what it labels falsely, too.
#[tokio::test]
async fn a_revoked_index_takes_a_child_along_that_it_labels_falsely() {
    let world = World::start().await;
    let (other, index) = mislabelled(&world).await;
    world.admit(NAME, &other).await;
    let own = manifests(NAME, &other.manifest.digest);
    assert_eq!(world.both(&own).await.status, 200);
    let whole = index.rsplit('@').next().unwrap();
    assert_eq!(world.both(&manifests(NAME, whole)).await.status, 403);
    world.revoke(&whole.parse().unwrap()).await;
    world.both(&own).await.assert_denied("revoked");
}
