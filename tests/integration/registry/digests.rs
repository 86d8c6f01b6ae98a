//! Bypass 16: the same bytes under another algorithm.

use sekisho::demo::{Piece, SampleImage};
use sekisho::oci::Digest;

use crate::kit::{Setup, World, blobs, image, manifests};

const NAME: &str = "docker.io/team/app";

/// An image, and its manifest and layer under sha512.
fn twice(world: &World) -> (SampleImage, Piece) {
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
