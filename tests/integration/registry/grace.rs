//! Grace (rule 7) is for what was admitted here, not for what was only let through.

use jiff::SignedDuration;
use serde_json::json;

use crate::kit::{Found, Setup, World, eventually, image, manifests};

const NAME: &str = "docker.io/team/app";

/// A world with a promoted image whose scan turned stale before anybody pulled it, with its
/// name and its path.
async fn stale() -> (World, String, String) {
    let world = World::start().await;
    let app = image("app");
    world.hub.put_image("team/app", &app);
    world.admit(NAME, &app).await;
    world
        .advance_long(SignedDuration::from_hours(24 * 31))
        .await;
    let path = manifests(NAME, &app.manifest.digest);
    world.both(&path).await.assert_denied("scan-stale");
    (world, format!("{NAME}@{}", app.manifest.digest), path)
}

/// Once what was pulled is written, and what let it through has ended.
async fn denied_again(world: &World, path: &str) {
    let written = || async {
        let pulled = world.parts().ledger.newest_pull().await.unwrap();
        pulled.is_some()
    };
    eventually("the pull is noted", written).await;
    world.advance_long(SignedDuration::from_mins(61)).await;
    world.both(path).await.assert_denied("scan-stale");
}

#[tokio::test]
async fn a_stale_image_is_denied_again_when_break_glass_ends() {
    let (world, image, path) = stale().await;
    let grant = json!({
        "image": image, "environment": "production", "ticket": "T", "hours": 1, "reason": "r",
    });
    let granted = world
        .admin("POST", "/api/v1/break-glass", Some(&grant))
        .await;
    assert_eq!(granted.status, 200, "{granted:?}");
    assert_eq!(world.both(&path).await.status, 200);
    denied_again(&world, &path).await;
}

#[tokio::test]
async fn a_stale_image_is_denied_again_when_a_lower_mode_ends() {
    let (world, _, path) = stale().await;
    let mode = json!({"environment": "production", "mode": "audit", "hours": 1, "ticket": "T"});
    let set = world.admin("POST", "/api/v1/modes", Some(&mode)).await;
    assert_eq!(set.status, 200, "{set:?}");
    assert_eq!(world.both(&path).await.status, 200);
    denied_again(&world, &path).await;
}

#[tokio::test]
async fn what_was_admitted_has_grace_when_its_scan_turns_stale() {
    let world = World::start().await;
    let app = image("app");
    world.hub.put_image("team/app", &app);
    world.admit(NAME, &app).await;
    let path = manifests(NAME, &app.manifest.digest);
    assert_eq!(world.both(&path).await.status, 200);
    let written = || async { world.parts().ledger.newest_pull().await.unwrap().is_some() };
    eventually("the pull is noted", written).await;
    world
        .advance_long(SignedDuration::from_hours(24 * 31))
        .await;
    assert_eq!(world.both(&path).await.status, 200);
}

#[tokio::test]
async fn a_worse_report_right_behind_the_first_pull_has_grace() {
    let keys = "require = [\"scan\"]\ngrace_for_worse = \"1h\"";
    let world = World::of(Setup::default().production(keys)).await;
    let app = image("app");
    world.hub.put_image("team/app", &app);
    world.scan(NAME, &app, &[]).await;
    let path = manifests(NAME, &app.manifest.digest);
    assert_eq!(world.get(&path).await.status, 200);
    world.advance(SignedDuration::from_millis(1));
    let worse = Found {
        id: "CVE-2026-1",
        severity: "CRITICAL",
        package: "zlib",
    };
    world.scan(NAME, &app, &[worse]).await;
    assert_eq!(world.both(&path).await.status, 200);
}
