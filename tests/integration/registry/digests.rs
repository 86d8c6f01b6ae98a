//! Bypass 16: the same bytes under another algorithm.

use sekisho::demo::{SampleContent, SampleImage};
use sekisho::oci::Digest;

use serde_json::json;

use crate::kit::{Setup, World, blobs, image, manifest_of, manifests, piece};

const NAME: &str = "docker.io/team/app";

/// An image, and its manifest and layer under sha512.
fn twice(world: &World) -> (SampleImage, SampleContent) {
    let app = image("app");
    let mut manifest = app.manifest.clone();
    manifest.digest = Digest::sha512(&manifest.bytes);
    world.hub.put_image("team/app", &app);
    world.hub.put_manifest("team/app", &manifest);
    (app, manifest)
}

#[tokio::test]
async fn the_sha512_address_of_an_admitted_image_inherits_nothing() {
    let world = World::start().await;
    let (app, manifest) = twice(&world);
    let mut layer = app.layers[0].clone();
    layer.digest = Digest::sha512(&layer.bytes);
    world.hub.put_blob("team/app", &layer);
    world.admit(NAME, &app).await;
    let reply = world.both(&manifests(NAME, &app.manifest.digest)).await;
    reply.assert_served(&app.manifest.bytes);
    let reply = world.both(&manifests(NAME, &manifest.digest)).await;
    reply.assert_denied("not-scanned");
    let reply = world.both(&blobs(NAME, &layer.digest)).await;
    reply.assert_denied("not-in-admitted-image");
}

#[tokio::test]
async fn a_revocation_of_either_digest_holds_for_both() {
    for revoked_by_sha512 in [true, false] {
        let world = World::of(Setup::default().production("mode = \"audit\"")).await;
        let (app, manifest) = twice(&world);
        let both = [&app.manifest.digest, &manifest.digest];
        for digest in both {
            let reply = world.both(&manifests(NAME, digest)).await;
            reply.assert_served(&manifest.bytes);
        }
        let layer = blobs(NAME, &app.layers[0].digest);
        assert_eq!(world.both(&layer).await.status, 200);
        world.revoke(both[usize::from(revoked_by_sha512)]).await;
        for digest in both {
            let reply = world.both(&manifests(NAME, digest)).await;
            reply.assert_denied("revoked");
        }
        assert_eq!(world.both(&layer).await.status, 403);
        world.reinstate(both[usize::from(revoked_by_sha512)]).await;
        for digest in both {
            assert_eq!(world.both(&manifests(NAME, digest)).await.status, 200);
        }
    }
}

/// The other address was never pulled, so nobody has told the two are one.
#[tokio::test]
async fn an_image_revoked_before_its_other_address_is_asked_for_stays_revoked() {
    for revoked_by_sha512 in [true, false] {
        let world = World::of(Setup::default().production("mode = \"audit\"")).await;
        let (app, manifest) = twice(&world);
        let mut both = [&app.manifest.digest, &manifest.digest];
        if revoked_by_sha512 {
            both.reverse();
        }
        let [revoked, other] = both;
        world.revoke(revoked).await;
        let reply = world.both(&manifests(NAME, revoked)).await;
        reply.assert_denied("revoked");
        let reply = world.both(&manifests(NAME, other)).await;
        reply.assert_denied("revoked");
    }
}

/// A layer named by its sha512, whose sha256 was revoked before anybody had its
/// bytes.
#[tokio::test]
async fn a_layer_revoked_under_its_other_digest_never_arrives_whole() {
    let world = World::of(Setup::default().production("mode = \"audit\"")).await;
    let mut app = image("app");
    let revoked = app.layers[0].digest.clone();
    app.layers[0].digest = Digest::sha512(&app.layers[0].bytes);
    let mut manifest = manifest_of(&app);
    manifest["layers"] = json!([app.layers[0].descriptor()]);
    app.manifest = piece(app.manifest.media_type.as_str(), manifest.to_string());
    world.hub.put_image("team/app", &app);
    world.revoke(&revoked).await;
    let path = blobs(NAME, &app.layers[0].digest);
    world.get(&manifests(NAME, &app.manifest.digest)).await;
    let mut pull = world.send(0, "GET", &path, &[]).await;
    let (status, body) = pull.until_closed().await;
    assert!(status != 200 || body.len() < app.layers[0].bytes.len());
    // Once its bytes were seen, both names are known to be one.
    world.both(&path).await.assert_denied("revoked");
}
