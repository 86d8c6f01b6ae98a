//! Bypass 33: what was decided while the clock was ahead does not hold once it is
//! set back.

use jiff::SignedDuration;
use sekisho::demo::SampleImage;

use crate::kit::{Setup, World, image, manifests};

const NAME: &str = "docker.io/team/app";
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// An image that is at hand upstream, and its path.
fn put(world: &World) -> (SampleImage, String) {
    let app = image("app");
    world.hub.put_image("team/app", &app);
    let path = manifests(NAME, &app.manifest.digest);
    (app, path)
}

#[tokio::test]
async fn denies_again_what_was_old_enough_by_a_clock_that_was_ahead() {
    let world = World::of(Setup::default().production("min_age = \"7d\"")).await;
    let (app, path) = put(&world);
    world.both(&path).await.assert_denied("not-scanned");
    world.scan(NAME, &app, &[]).await;
    let forced = format!("{NAME}@{}", app.manifest.digest);
    let body = serde_json::json!({"image": forced, "environment": "production", "force": true});
    let reply = world.admin("POST", "/api/v1/promotions", Some(&body)).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    world.both(&path).await.assert_denied("too-new");
    world.advance_long(DAY * 8).await;
    for _ in 0..2 {
        assert_eq!(world.both(&path).await.status, 200);
    }
    world.advance_long(-DAY * 8).await;
    world.both(&path).await.assert_denied("too-new");
}

#[tokio::test]
async fn serves_again_what_was_stale_by_a_clock_that_was_ahead() {
    let world = World::start().await;
    let (app, path) = put(&world);
    world.admit(NAME, &app).await;
    world.advance_long(DAY * 60).await;
    for _ in 0..2 {
        world.both(&path).await.assert_denied("scan-stale");
    }
    world.advance_long(-DAY * 60).await;
    assert_eq!(world.both(&path).await.status, 200);
}

/// Evidence too: nothing holds before it was made.
#[tokio::test]
async fn denies_what_was_promoted_by_a_clock_that_was_ahead() {
    let world = World::start().await;
    let (app, path) = put(&world);
    world.scan(NAME, &app, &[]).await;
    world.advance_long(DAY).await;
    world
        .promote(&format!("{NAME}@{}", app.manifest.digest))
        .await;
    assert_eq!(world.both(&path).await.status, 200);
    world.advance_long(-DAY).await;
    world.both(&path).await.assert_denied("not-promoted");
    world.advance_long(DAY).await;
    assert_eq!(world.both(&path).await.status, 200);
}

#[tokio::test]
async fn a_ledger_that_was_confirmed_ahead_of_now_is_silent() {
    let world = World::start().await;
    let (app, path) = put(&world);
    world.admit(NAME, &app).await;
    assert_eq!(world.both(&path).await.status, 200);
    let ledger = &world.parts().ledger;
    let now = jiff::Timestamp::now();
    assert!(!ledger.is_silent(now));
    assert!(ledger.is_silent(now - DAY));
    assert!(ledger.is_silent(now + DAY));
}
