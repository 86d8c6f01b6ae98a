//! Bypass 19: a revoked index whose child still pulls, where nobody asked for the index
//! before, so that nothing here knows what it holds.

use std::time::Duration;

use sekisho::demo::{Fault, SampleContent, SampleIndex};
use sekisho::oci::Digest;
use serde_json::{Value, json};

use crate::kit::{Setup, World, blobs, image_on, manifests};

const NAME: &str = "docker.io/team/app";

/// An index upstream that nobody asks for, and whose first child is admitted by its own digest.
async fn unread_index(world: &World) -> SampleIndex {
    let index = SampleIndex::new(vec![image_on("app", "amd64"), image_on("app", "arm64")]);
    world.hub.put_index("team/app", &index);
    let child = &index.images[0];
    world.admit(NAME, child).await;
    for path in paths(&index) {
        assert_eq!(world.both(&path).await.status, 200, "{path}");
    }
    index
}

/// Its first child, and a layer of that.
fn paths(index: &SampleIndex) -> [String; 2] {
    let child = &index.images[0];
    [
        manifests(NAME, &child.manifest.digest),
        blobs(NAME, &child.layers[0].digest),
    ]
}

async fn revoke_at(world: &World, name: &str, digest: &Digest) -> Value {
    let body = json!({ "image": format!("{name}@{digest}"), "reason": "bad" });
    let reply = world.admin("POST", "/api/v1/revocations", Some(&body));
    let reply = reply.await;
    assert_eq!(reply.status, 200, "{}", reply.json());
    reply.json()
}

/// Denied once the background has looked.
async fn assert_denied_soon(world: &World, index: &SampleIndex, reason: &str) {
    world.looked("unread").await;
    for path in paths(index) {
        world.both(&path).await.assert_denied(reason);
    }
}

#[tokio::test]
async fn a_revoked_index_that_nobody_asked_for_takes_its_children_along() {
    let world = World::start().await;
    let index = unread_index(&world).await;
    let answer = revoke_at(&world, NAME, &index.manifest.digest).await;
    assert_eq!(answer["note"], Value::Null, "{answer}");
    for path in paths(&index) {
        world.both(&path).await.assert_denied("revoked");
    }
    world.reinstate(&index.manifest.digest).await;
    for path in paths(&index) {
        assert_eq!(world.both(&path).await.status, 200, "{path}");
    }
}

/// Under the digest that nobody knows to be of the same bytes.
#[tokio::test]
async fn a_revoked_index_that_nobody_asked_for_takes_its_children_along_under_sha512() {
    let world = World::start().await;
    let index = unread_index(&world).await;
    let other = SampleContent {
        digest: Digest::sha512(&index.manifest.bytes),
        ..index.manifest.clone()
    };
    world.hub.put_manifest("team/app", &other);
    revoke_at(&world, NAME, &other.digest).await;
    for path in paths(&index) {
        world.both(&path).await.assert_denied("revoked");
    }
}

#[tokio::test]
async fn a_revoked_index_that_was_named_elsewhere_is_found_where_it_lies() {
    let world = World::start().await;
    let index = unread_index(&world).await;
    let digest = &index.manifest.digest;
    let answer = revoke_at(&world, "docker.io/any/name", digest).await;
    let note = answer["note"].as_str().unwrap();
    assert!(note.contains("is no manifest there"), "{note}");
    assert_denied_soon(&world, &index, "revoked").await;
}

/// The revocation stands whatever the upstream does, and reaches the children once it answers.
#[tokio::test]
async fn a_revocation_does_not_need_the_upstream_and_reaches_the_children_once_it_answers() {
    let world = World::of(Setup::default().hub("tag_ttl = \"1s\"")).await;
    let index = unread_index(&world).await;
    let digest = &index.manifest.digest;
    world
        .hub
        .inject(&digest.to_string(), usize::MAX, Fault::Status(503));
    let answer = revoke_at(&world, NAME, digest).await;
    let note = answer["note"].as_str().unwrap();
    assert!(note.contains("it is asked for again"), "{note}");
    world.hub.heal();
    // Nobody is asked again at once after a failure.
    world.advance(jiff::SignedDuration::from_secs(60));
    for _ in 0..20 {
        world.looked("unread").await;
        if world.get(&paths(&index)[0]).await.status == 403 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert_denied_soon(&world, &index, "revoked").await;
}

#[tokio::test]
async fn an_advisory_on_an_index_that_nobody_asked_for_reaches_its_children() {
    let top = "advisories_dir = \"advisories\"";
    let setup = Setup::default().top(top).file("advisories/1.toml", "");
    let world = World::of(setup).await;
    let index = unread_index(&world).await;
    let text = format!(
        "[[advisory]]\nid = \"SEC-1\"\ndigests = [\"{}\"]\neffect = \"block\"\n\
         reason = \"implant\"\nlink = \"https://gitlab.example/14\"\n",
        index.manifest.digest
    );
    world.put_file("advisories/1.toml", &text);
    world.looked("policy").await;
    assert_denied_soon(&world, &index, "blocked-by-advisory").await;
}
