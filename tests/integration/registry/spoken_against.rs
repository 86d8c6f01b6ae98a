//! Bypass 28: what is said against a digest holds for the same bytes under another
//! algorithm, for what lies below and above, at the first request too, and at
//! every door.

use http::Method;
use sekisho::demo::{RequestKind, SampleContent, SampleImage, SampleIndex};
use sekisho::oci::Digest;
use sekisho::trust::Exposure;
use serde_json::json;

use crate::admission::door::{Door, cluster, pod, review};
use crate::kit::{Reply, Setup, World, blobs, image, image_on, manifest_of, manifests, piece};

const NAME: &str = "docker.io/team/app";
const ADVISORIES: &str = "advisories_dir = \"advisories\"";

/// Everything passes that nothing is said against.
fn lenient() -> Setup {
    Setup::default().production("require = []")
}

fn blocking(setup: Setup, digest: &Digest) -> Setup {
    let text = format!(
        "[[advisory]]\nid = \"SEC-1\"\ndigests = [\"{digest}\"]\neffect = \"block\"\n\
         reason = \"implant\"\nlink = \"https://gitlab.example/14\"\n"
    );
    setup.top(ADVISORIES).file("advisories/1.toml", &text)
}

/// An image's manifest under sha512.
fn under_sha512(manifest: &SampleContent) -> SampleContent {
    SampleContent {
        digest: Digest::sha512(&manifest.bytes),
        ..manifest.clone()
    }
}

/// An image that lies under both digests of its manifest: those two.
fn put_twice(world: &World, app: &SampleImage) -> [Digest; 2] {
    let other = under_sha512(&app.manifest);
    world.hub.put_image("team/app", app);
    world.hub.put_manifest("team/app", &other);
    [app.manifest.digest.clone(), other.digest]
}

async fn revoke_in_production(world: &World, digest: &Digest) {
    let body = json!({
        "image": format!("{NAME}@{digest}"), "reason": "bad", "environment": "production",
    });
    let reply = world
        .admin("POST", "/api/v1/revocations", Some(&body))
        .await;
    assert_eq!(reply.status, 200, "{}", reply.json());
}

/// What the admin API and the webhook say of an image.
async fn assert_denied_at_every_door(world: &World, digest: &Digest, reason: &str) {
    let named = format!("{NAME}@{digest}");
    let target = format!("/api/v1/verdicts?image={named}&environment=production");
    let verdict = world.admin("GET", &target, None).await.json();
    assert_eq!(verdict["allowed"], false, "{verdict}");
    assert_eq!(verdict["reasons"][0]["reason"], reason, "{verdict}");
    let door = Door::of(world, cluster(Exposure::External));
    let tried = door
        .validate(&review(json!({"object": pod(&[&named])})))
        .await;
    assert!(!tried.allowed(), "{tried:?}");
    let pulled: Reply = world.both(&manifests(NAME, digest)).await;
    pulled.assert_denied(reason);
}

#[tokio::test]
async fn denies_under_either_digest_what_an_advisory_blocks_under_one() {
    for blocked in [0, 1] {
        for first in [0, 1] {
            let app = image("app");
            let both = [
                app.manifest.digest.clone(),
                Digest::sha512(&app.manifest.bytes),
            ];
            let world = World::of(blocking(lenient(), &both[blocked])).await;
            put_twice(&world, &app);
            for digest in [&both[first], &both[1 - first]] {
                let reply = world.get(&manifests(NAME, digest)).await;
                reply.assert_denied("blocked-by-advisory");
            }
            for digest in &both {
                assert_denied_at_every_door(&world, digest, "blocked-by-advisory").await;
            }
        }
    }
}

#[tokio::test]
async fn denies_at_the_first_pull_what_is_revoked_here_under_the_other_digest() {
    for revoked in [0, 1] {
        let world = World::of(lenient()).await;
        let both = put_twice(&world, &image("app"));
        revoke_in_production(&world, &both[revoked]).await;
        let reply = world.get(&manifests(NAME, &both[1 - revoked])).await;
        reply.assert_denied("revoked");
        for digest in &both {
            assert_denied_at_every_door(&world, digest, "revoked").await;
        }
    }
}

/// An image whose layer is named by its sha512.
fn with_layer_under_sha512() -> (SampleImage, Digest) {
    let mut app = image("app");
    let sha256 = app.layers[0].digest.clone();
    app.layers[0].digest = Digest::sha512(&app.layers[0].bytes);
    let mut manifest = manifest_of(&app);
    manifest["layers"] = json!([app.layers[0].descriptor()]);
    app.manifest = piece(app.manifest.media_type.as_str(), manifest.to_string());
    (app, sha256)
}

async fn assert_layer_never_whole(world: &World, app: &SampleImage, reason: &str) {
    let layer = &app.layers[0];
    let path = blobs(NAME, &layer.digest);
    world.get(&manifests(NAME, &app.manifest.digest)).await;
    let mut pull = world.send(0, "GET", &path, &[]).await;
    let (status, body) = pull.until_closed().await;
    assert!(status != 200 || body.len() < layer.bytes.len());
    // Its bytes were seen, so that both names are known to be one.
    world.both(&path).await.assert_denied(reason);
    let manifest = manifests(NAME, &app.manifest.digest);
    world.both(&manifest).await.assert_denied(reason);
}

#[tokio::test]
async fn a_layer_blocked_by_advisory_under_its_other_digest_never_arrives_whole() {
    let (app, sha256) = with_layer_under_sha512();
    let world = World::of(blocking(lenient(), &sha256)).await;
    world.hub.put_image("team/app", &app);
    assert_layer_never_whole(&world, &app, "blocked-by-advisory").await;
}

#[tokio::test]
async fn a_layer_revoked_here_under_its_other_digest_never_arrives_whole() {
    let (app, sha256) = with_layer_under_sha512();
    let world = World::of(lenient()).await;
    world.hub.put_image("team/app", &app);
    revoke_in_production(&world, &sha256).await;
    assert_layer_never_whole(&world, &app, "revoked").await;
}

/// An index that was denied, since one of its children has no scan; the other child
/// passes by itself.
async fn denied_index(world: &World) -> SampleIndex {
    let index = SampleIndex::new(vec![image_on("app", "amd64"), image_on("app", "arm64")]);
    world.hub.put_index("team/app", &index);
    let child = &index.images[0];
    world.admit(NAME, child).await;
    let reply = world.get(&manifests(NAME, &child.manifest.digest)).await;
    reply.assert_served(&child.manifest.bytes);
    let whole = manifests(NAME, &index.manifest.digest);
    assert_eq!(world.get(&whole).await.status, 403);
    index
}

#[tokio::test]
async fn an_advisory_on_an_index_that_was_denied_reaches_its_child() {
    let mut world = World::of(
        Setup::default()
            .top(ADVISORIES)
            .file("advisories/1.toml", ""),
    )
    .await;
    let index = denied_index(&world).await;
    world.stop().await;
    // After a restart, too.
    let digest = &index.manifest.digest;
    world.write(&blocking(Setup::default(), digest));
    world.serve().await;
    let child = &index.images[0].manifest.digest;
    assert_denied_at_every_door(&world, child, "blocked-by-advisory").await;
    let layer = blobs(NAME, &index.images[0].layers[0].digest);
    world
        .both(&layer)
        .await
        .assert_denied("blocked-by-advisory");
}

#[tokio::test]
async fn a_revocation_of_an_index_that_was_denied_reaches_its_child() {
    let world = World::start().await;
    let index = denied_index(&world).await;
    revoke_in_production(&world, &index.manifest.digest).await;
    let child = &index.images[0].manifest.digest;
    assert_denied_at_every_door(&world, child, "revoked").await;
}

/// A child of a revoked index, under the digest that the index does not name.
#[tokio::test]
async fn a_revocation_of_an_index_reaches_its_child_under_either_digest() {
    let world = World::of(lenient()).await;
    let index = SampleIndex::new(vec![image_on("app", "amd64"), image_on("app", "arm64")]);
    world.hub.put_index("team/app", &index);
    let child = under_sha512(&index.images[0].manifest);
    world.hub.put_manifest("team/app", &child);
    for digest in [&index.manifest.digest, &child.digest] {
        assert_eq!(world.both(&manifests(NAME, digest)).await.status, 200);
    }
    revoke_in_production(&world, &index.manifest.digest).await;
    assert_denied_at_every_door(&world, &child.digest, "revoked").await;
}

/// Neither what is denied nor its layers are asked for.
#[tokio::test]
async fn no_layer_is_asked_for_of_what_is_blocked_under_its_other_digest() {
    let app = image("app");
    let world = World::of(blocking(lenient(), &app.manifest.digest)).await;
    let [_, other] = put_twice(&world, &app);
    let reply = world.get(&manifests(NAME, &other)).await;
    reply.assert_denied("blocked-by-advisory");
    for layer in &app.layers {
        assert_eq!(world.get(&blobs(NAME, &layer.digest)).await.status, 403);
        let digest = layer.digest.to_string();
        let asked = world
            .hub
            .count_of(&Method::GET, RequestKind::Blob, "team/app", &digest);
        assert_eq!(asked, 0);
    }
}
