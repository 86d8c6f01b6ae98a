//! Blobs in the fast lane: the same answers as in the layered one, to every request and in
//! every state, and nothing that was taken back.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jiff::{SignedDuration, Timestamp};
use sekisho::demo::{ImageBuilder, SampleImage};

use serde_json::{Value, json};

use super::lanes::{ALLOCATIONS, Door, Header};
use crate::kit::{Found, Setup, World, amd64, blobs, eventually, image, manifests};

const NAME: &str = "docker.io/team/app";

/// More than lies in memory, in bytes.
const LARGE: usize = 1100 << 10;

/// An image with a layer that is sent from memory and one that is sent from its file.
fn image_of_two_layers() -> SampleImage {
    let mut state = 1_u32;
    let noise = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    });
    let large: Vec<u8> = noise.take(LARGE).collect();
    ImageBuilder::new(amd64())
        .file("etc/motd", b"small\n")
        .file("data", &large)
        .build()
}

/// What an answer of the fast lane may allocate where it opens the blob's file.
const ALLOCATIONS_WITH_FILE: u64 = 16;

/// The config and both layers.
fn paths(image: &SampleImage) -> Vec<String> {
    let layers = image.layers.iter().map(|layer| &layer.digest);
    let digests = std::iter::once(&image.config.digest).chain(layers);
    digests.map(|digest| blobs(NAME, digest)).collect()
}

/// What a client may ask of a blob, beside its path.
const ASKED: &[(&str, &[Header])] = &[
    ("GET", &[]),
    ("HEAD", &[]),
    ("GET", &[("range", "bytes=0-0")]),
    ("GET", &[("range", "bytes=3-")]),
    ("GET", &[("range", "bytes=-5")]),
    ("GET", &[("range", "bytes=2-999999999")]),
    ("GET", &[("range", "bytes=999999999-")]),
    ("GET", &[("range", "bytes=-0")]),
    ("GET", &[("range", "bytes=5-2")]),
    ("GET", &[("range", "bytes=0-1,3-4")]),
    ("GET", &[("range", "lines=0-1")]),
    ("GET", &[("range", "bytes=0-1"), ("if-range", "\"x\"")]),
    ("HEAD", &[("range", "bytes=0-1")]),
    ("GET", &[("accept-encoding", "gzip")]),
    ("PUT", &[]),
    ("OPTIONS", &[]),
];

/// Asks until the fast lane serves the blob: the fill that the first pull began has to end.
async fn warm(door: &Door, path: &str) {
    eventually("a hot blob", || async {
        let answer = door.ask("GET", path).await;
        assert_eq!(answer.content.status, 200, "{path}");
        answer.is_fast
    })
    .await;
}

/// Asks everything at a new door each, and at one that has served the blob.
async fn assert_lanes_agree(world: &World, path: &str, status: u16) {
    let door = Door::open(world);
    match status {
        200 => warm(&door, path).await,
        _ => assert_eq!(door.ask("GET", path).await.content.status, status),
    }
    for (method, headers) in ASKED {
        let layered = Door::open(world).ask_with(method, path, headers).await;
        assert!(!layered.is_fast, "{method} {headers:?} {path}");
        let warm = door.ask_with(method, path, headers).await;
        assert_eq!(layered.content, warm.content, "{method} {headers:?} {path}");
        let served = [200, 206].contains(&layered.content.status);
        assert_eq!(warm.is_fast, served, "{method} {headers:?} {path}");
    }
}

#[tokio::test]
async fn both_lanes_give_the_same_answer_to_every_pull_of_a_blob_in_every_state() {
    let world = World::start().await;
    let app = image_of_two_layers();
    world.hub.put_image("team/app", &app);
    world.scan(NAME, &app, &[]).await;
    let mut paths = paths(&app);
    let config = app.config.digest.to_string();
    paths.push(format!("/v2/team/app/blobs/{config}?ns=docker.io"));
    let agree = async |status| {
        for path in &paths {
            assert_lanes_agree(&world, path, status).await;
        }
    };
    agree(403).await;
    let named = format!("{NAME}@{}", app.manifest.digest);
    world.promote(&named).await;
    agree(200).await;
    world.revoke(&app.manifest.digest).await;
    agree(403).await;
    world.reinstate(&app.manifest.digest).await;
    agree(200).await;
    let found = Found {
        id: "CVE-2026-0001",
        severity: "CRITICAL",
        package: "zlib",
    };
    world.scan(NAME, &app, &[found]).await;
    agree(403).await;
}

#[tokio::test]
async fn both_lanes_serve_the_blobs_of_what_audit_and_warn_let_pass() {
    for mode in ["audit", "warn"] {
        let setup = Setup::default().production(&format!("mode = \"{mode}\""));
        let world = World::of(setup).await;
        let app = image_of_two_layers();
        world.hub.put_image("team/app", &app);
        world
            .get(&manifests(NAME, &app.manifest.digest))
            .await
            .assert_served(&app.manifest.bytes);
        for path in paths(&app) {
            assert_lanes_agree(&world, &path, 200).await;
        }
    }
}

#[tokio::test]
async fn a_revocation_denies_a_hot_blob_at_its_next_request() {
    let world = World::start().await;
    let app = image_of_two_layers();
    world.hub.put_image("team/app", &app);
    world.admit(NAME, &app).await;
    let door = Door::open(&world);
    for round in 0..2 {
        for path in paths(&app) {
            warm(&door, &path).await;
            for method in ["GET", "HEAD"] {
                let hot = door.ask(method, &path).await;
                assert!(hot.is_fast && hot.content.status == 200, "{round} {path}");
            }
        }
        world.revoke(&app.manifest.digest).await;
        for path in paths(&app) {
            for method in ["GET", "HEAD"] {
                let status = door.ask(method, &path).await.content.status;
                assert_eq!(status, 403, "{round} {path}");
            }
        }
        world.reinstate(&app.manifest.digest).await;
    }
}

/// The header of who holds a token of that kind.
async fn authorization(world: &World, request: Value) -> String {
    let made = world.admin("POST", "/api/v1/tokens", Some(&request)).await;
    let secret = made.json()["secret"].as_str().unwrap().to_owned();
    format!("Basic {}", BASE64_STANDARD.encode(format!("any:{secret}")))
}

/// Where a token's scope ends is asked again for each answer, however hot it is.
#[tokio::test]
async fn what_one_puller_made_hot_is_denied_to_another_whose_token_leaves_it_out() {
    let world = World::start().await;
    let app = image_of_two_layers();
    world.hub.put_image("team/app", &app);
    world.admit(NAME, &app).await;
    let all = authorization(&world, json!({"name": "all", "role": "puller"})).await;
    let scope = json!({"name": "b", "role": "puller", "repositories": ["docker.io/team/b"]});
    let narrow = authorization(&world, scope).await;
    let door = Door::behind_tokens(&world);
    for path in paths(&app) {
        eventually("a hot blob", || async {
            let header = ("authorization", all.as_str());
            let answer = door.ask_with("GET", &path, &[header]).await;
            assert_eq!(answer.content.status, 200, "{path}");
            answer.is_fast
        })
        .await;
        for (method, headers) in [
            ("GET", &[("authorization", narrow.as_str())][..]),
            ("HEAD", &[("authorization", narrow.as_str())]),
            (
                "GET",
                &[("authorization", narrow.as_str()), ("range", "bytes=0-0")],
            ),
        ] {
            let answer = door.ask_with(method, &path, headers).await;
            assert_eq!(answer.content.status, 403, "{method} {path}");
        }
    }
}

/// What one image no longer permits, another of the same repository may, and then in the
/// fast lane, too; another repository's does not.
#[tokio::test]
async fn a_hot_blob_goes_on_through_another_image_that_holds_it() {
    let world = World::start().await;
    let [one, other] = ["one", "other"].map(|file| {
        ImageBuilder::new(amd64())
            .file("base", b"shared\n")
            .file(file, file.as_bytes())
            .build()
    });
    assert_eq!(one.layers[0], other.layers[0]);
    for image in [&one, &other] {
        world.hub.put_image("team/app", image);
        world.admit(NAME, image).await;
    }
    let door = Door::open(&world);
    let base = blobs(NAME, &one.layers[0].digest);
    for revoked in [&one, &other] {
        warm(&door, &base).await;
        world.revoke(&revoked.manifest.digest).await;
    }
    assert_eq!(door.ask("GET", &base).await.content.status, 403);
    let elsewhere = blobs("docker.io/team/other", &one.layers[0].digest);
    world.reinstate(&one.manifest.digest).await;
    assert_eq!(door.ask("GET", &base).await.content.status, 200);
    assert_eq!(door.ask("GET", &elsewhere).await.content.status, 403);
}

#[tokio::test]
async fn a_small_hot_blob_touches_no_file_and_no_sql() {
    let world = World::start().await;
    let app = image("app");
    world.hub.put_image("team/app", &app);
    world.admit(NAME, &app).await;
    let door = Door::open(&world);
    let mut before = Vec::new();
    for path in paths(&app) {
        warm(&door, &path).await;
        before.push(door.ask("GET", &path).await);
    }
    world.parts().ledger.close().await;
    std::fs::remove_dir_all(world.data().join("cache")).unwrap();
    world.hub.forget();
    for (path, before) in paths(&app).iter().zip(&before) {
        let after = door.ask("GET", path).await;
        assert!(after.is_fast);
        assert_eq!(&after, before);
    }
    assert_eq!(world.asked(), 0);
}

#[tokio::test]
async fn a_hot_blob_costs_few_allocations() {
    let world = World::start().await;
    let app = image_of_two_layers();
    world.hub.put_image("team/app", &app);
    world.admit(NAME, &app).await;
    let door = Door::open(&world);
    let [config, small, large] = paths(&app).try_into().unwrap();
    for (path, allocations) in [
        (config, ALLOCATIONS),
        (small, ALLOCATIONS),
        (large, ALLOCATIONS_WITH_FILE),
    ] {
        warm(&door, &path).await;
        door.assert_costs_little(&path, allocations).await;
    }
}

/// Otherwise it would count as unused, and be evicted first.
#[tokio::test]
async fn a_blob_that_stays_hot_is_noted_as_pulled_each_minute() {
    let world = World::start().await;
    let app = image("app");
    world.hub.put_image("team/app", &app);
    world.admit(NAME, &app).await;
    let door = Door::open(&world);
    let path = blobs(NAME, &app.config.digest);
    warm(&door, &path).await;
    for _ in 0..3 {
        assert!(door.ask("GET", &path).await.is_fast);
        world.advance_long(SignedDuration::from_secs(61)).await;
        assert!(!door.ask("GET", &path).await.is_fast);
    }
}

/// Of an image that nobody recorded, too: it is judged anew only once something changed.
#[tokio::test]
async fn a_repeated_denial_is_fast_counted_and_over_once_the_image_is_admitted() {
    let world = World::start().await;
    let app = image("app");
    world.hub.put_image("team/app", &app);
    let path = manifests(NAME, &app.manifest.digest);
    let door = Door::open(&world);
    let first = door.ask("GET", &path).await;
    assert_eq!(first.content.status, 403);
    for _ in 0..9 {
        let again = door.ask("GET", &path).await;
        assert!(again.is_fast);
        assert_eq!(again.content, first.content);
    }
    door.assert_costs_little(&path, ALLOCATIONS).await;
    world.admit(NAME, &app).await;
    assert_eq!(door.ask("GET", &path).await.content.status, 200);
    let later = Timestamp::now() + SignedDuration::from_secs(61);
    world.parts().gate.recorder().close_once(later).await;
    eventually("the count", || async {
        let decisions = world.decisions("denied", 1).await;
        decisions.len() == 1 && decisions[0]["count"] == 10 + 8
    })
    .await;
}
