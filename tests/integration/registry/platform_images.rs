//! Platform images: without them a new node could not join.

use jiff::SignedDuration;
use sekisho::demo::SampleIndex;
use sekisho::oci::Digest;

use crate::kit::{Setup, World, blobs, image, image_on, manifests};

const NAME: &str = "docker.io/team/pause";

fn listing(digest: &Digest) -> Setup {
    Setup::default().production(&format!(
        "[[environments.production.platform_images]]\n\
         digest = \"{digest}\"\nreason = \"the sandbox\""
    ))
}

#[tokio::test]
async fn a_platform_image_is_served_without_evidence_and_without_the_ledger() {
    let index = SampleIndex::new(vec![image_on("pause", "amd64")]);
    let setup = listing(&index.manifest.digest).more("[ledger]\nmax_silence = \"1s\"");
    for (closed, silent) in [(false, false), (true, false), (true, true)] {
        let world = World::of(setup.clone()).await;
        world.hub.put_index("team/pause", &index);
        world.hub.tag("team/pause", "1", &index.manifest.digest);
        if closed {
            world.parts().ledger.close().await;
        }
        if silent {
            world.advance(SignedDuration::from_millis(2100));
        }
        let child = &index.images[0];
        for _ in 0..2 {
            let reply = world.both(&manifests(NAME, "1")).await;
            reply.assert_served(&index.manifest.bytes);
            let reply = world.both(&manifests(NAME, &child.manifest.digest)).await;
            reply.assert_served(&child.manifest.bytes);
            for piece in child.blobs() {
                let reply = world.both(&blobs(NAME, &piece.digest)).await;
                reply.assert_served(&piece.bytes);
            }
        }
    }
}

/// Writes may still succeed then, and what they wrote cannot be read back.
#[tokio::test]
async fn a_platform_image_is_served_whole_while_the_ledger_cannot_be_read() {
    let pause = image("pause");
    let world = World::of(listing(&pause.manifest.digest)).await;
    world.hub.put_image("team/pause", &pause);
    world.spoil_ledger();
    for _ in 0..2 {
        let path = manifests(NAME, &pause.manifest.digest);
        world.both(&path).await.assert_served(&pause.manifest.bytes);
        for piece in pause.blobs() {
            let reply = world.both(&blobs(NAME, &piece.digest)).await;
            reply.assert_served(&piece.bytes);
        }
    }
}

/// A node asks for the child it was told of, perhaps at another replica.
#[tokio::test]
async fn a_child_of_a_platform_index_is_served_though_its_index_was_not_asked_for() {
    let index = SampleIndex::new(vec![image_on("pause", "amd64")]);
    let world = World::of(listing(&index.manifest.digest)).await;
    world.hub.put_index("team/pause", &index);
    world.both(&manifests(NAME, &index.manifest.digest)).await;
    let child = &index.images[0];
    let reply = world.both(&manifests(NAME, &child.manifest.digest)).await;
    reply.assert_served(&child.manifest.bytes);
}

#[tokio::test]
async fn a_platform_image_is_listed_by_digest_and_never_by_name() {
    let (pause, next) = (image("pause"), image("next"));
    let world = World::of(listing(&pause.manifest.digest)).await;
    world.hub.put_image("team/pause", &next);
    world.hub.tag("team/pause", "1", &next.manifest.digest);
    let reply = world.both(&manifests(NAME, "1")).await;
    reply.assert_denied("not-scanned");
}

#[tokio::test]
async fn a_revocation_holds_for_a_platform_image_whatever_the_ledger_does() {
    let pause = image("pause");
    let world = World::of(listing(&pause.manifest.digest)).await;
    world.hub.put_image("team/pause", &pause);
    let path = manifests(NAME, &pause.manifest.digest);
    let layer = blobs(NAME, &pause.layers[0].digest);
    for path in [&path, &layer] {
        assert_eq!(world.both(path).await.status, 200);
    }
    world.revoke(&pause.manifest.digest).await;
    for path in [&path, &layer] {
        world.both(path).await.assert_denied("revoked");
    }
    world.parts().ledger.close().await;
    for path in [&path, &layer] {
        world.both(path).await.assert_denied("revoked");
    }
}
