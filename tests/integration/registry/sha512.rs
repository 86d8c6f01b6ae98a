//! SHA-512 is computed only once something is said of it: what was cached by SHA-256
//! before is denied all the same, at the first request.

use http::Method;
use sekisho::demo::{RequestKind, SampleImage};
use sekisho::oci::Digest;

use crate::kit::{Reply, Setup, World, blobs, image, manifests};

const NAME: &str = "docker.io/team/app";
const ADVISORIES: &str = "advisories_dir = \"advisories\"";

/// Everything passes that nothing is said against.
fn lenient() -> Setup {
    Setup::default().production("require = []")
}

fn blocking(digest: &Digest) -> String {
    format!(
        "[[advisory]]\nid = \"SEC-1\"\ndigests = [\"{digest}\"]\neffect = \"block\"\n\
         reason = \"implant\"\nlink = \"https://gitlab.example/14\"\n"
    )
}

fn layer(app: &SampleImage) -> String {
    blobs(NAME, &app.layers[0].digest)
}

/// The layer's other name.
fn other(app: &SampleImage) -> Digest {
    Digest::sha512(&app.layers[0].bytes)
}

/// An image that was pulled whole.
async fn pulled(world: &World) -> SampleImage {
    let app = image("app");
    world.hub.put_image("team/app", &app);
    let manifest = world.get(&manifests(NAME, &app.manifest.digest)).await;
    manifest.assert_served(&app.manifest.bytes);
    world
        .get(&layer(&app))
        .await
        .assert_served(&app.layers[0].bytes);
    app
}

/// Neither at the first request nor at a later one, whole or in part; and once the bytes
/// were looked at, the image is denied for it.
async fn assert_denied(world: &World, app: &SampleImage, reason: &str) {
    let bytes = app.layers[0].bytes.len();
    let first: Reply = world.get_with(&layer(app), &[("range", "bytes=0-9")]).await;
    assert!(first.status >= 400, "{}", first.status);
    let again = world.get(&layer(app)).await;
    assert!(again.status >= 400 && again.body.len() < bytes);
    world.both(&layer(app)).await.assert_denied(reason);
    let manifest = manifests(NAME, &app.manifest.digest);
    world.both(&manifest).await.assert_denied(reason);
}

#[tokio::test]
async fn a_revocation_by_sha512_denies_what_was_cached_by_sha256_before_it() {
    let world = World::of(lenient()).await;
    let app = pulled(&world).await;
    world.revoke(&other(&app)).await;
    assert_denied(&world, &app, "revoked").await;
}

#[tokio::test]
async fn a_revocation_by_sha512_denies_what_is_first_pulled_after_it() {
    let world = World::of(lenient()).await;
    let app = image("app");
    world.hub.put_image("team/app", &app);
    world.revoke(&other(&app)).await;
    world.get(&manifests(NAME, &app.manifest.digest)).await;
    let mut pull = world.send(0, "GET", &layer(&app), &[]).await;
    let (status, body) = pull.until_closed().await;
    assert!(status != 200 || body.len() < app.layers[0].bytes.len());
    assert_denied(&world, &app, "revoked").await;
}

#[tokio::test]
async fn a_revocation_by_sha512_denies_what_was_cached_before_a_restart() {
    for revoked_before_the_restart in [true, false] {
        let mut world = World::of(lenient()).await;
        let app = pulled(&world).await;
        if revoked_before_the_restart {
            world.revoke(&other(&app)).await;
        }
        world.stop().await;
        world.serve().await;
        if !revoked_before_the_restart {
            world.revoke(&other(&app)).await;
        }
        assert_denied(&world, &app, "revoked").await;
    }
}

#[tokio::test]
async fn a_revocation_by_sha512_says_when_it_takes_effect_and_spares_other_layers() {
    let world = World::of(lenient()).await;
    let app = pulled(&world).await;
    let spared = crate::kit::image("spared");
    world.hub.put_image("team/app", &spared);
    world.get(&manifests(NAME, &spared.manifest.digest)).await;
    world
        .get(&layer(&spared))
        .await
        .assert_served(&spared.layers[0].bytes);
    let body = serde_json::json!({"image": format!("{NAME}@{}", other(&app)), "reason": "bad"});
    let reply = world
        .admin("POST", "/api/v1/revocations", Some(&body))
        .await;
    let note = reply.json()["note"].to_string();
    assert!(note.contains("hashed under sha512"), "{note}");
    let fetched = || world.hub.count(&Method::GET, RequestKind::Blob);
    let before = fetched();
    world
        .get(&layer(&spared))
        .await
        .assert_served(&spared.layers[0].bytes);
    assert_eq!(fetched(), before, "it is hashed where it is stored");
    let body =
        serde_json::json!({"image": format!("{NAME}@{}", spared.manifest.digest), "reason": "bad"});
    let reply = world
        .admin("POST", "/api/v1/revocations", Some(&body))
        .await;
    assert!(reply.json().get("note").is_none(), "{}", reply.json());
}

#[tokio::test]
async fn an_advisory_by_sha512_denies_what_was_cached_by_sha256_before_it() {
    let setup = lenient().top(ADVISORIES).file("advisories/1.toml", "");
    let mut world = World::of(setup).await;
    let app = pulled(&world).await;
    world.stop().await;
    world.put_file("advisories/1.toml", &blocking(&other(&app)));
    world.serve().await;
    assert_denied(&world, &app, "blocked-by-advisory").await;
}
