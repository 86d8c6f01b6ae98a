//! Tags: resolved once, and the digest is what is judged, served and listed.

use http::Method;
use sekisho::demo::{Fault, RequestKind};
use serde_json::json;

use crate::admission::door::{Door, pod, review};
use crate::kit::{Setup, World, image, manifests};

const NAME: &str = "docker.io/team/app";
const LIST: &str = "/v2/docker.io/team/app/tags/list";

/// Bypass 12: judged one digest of a tag, served another.
#[tokio::test]
async fn a_tag_that_moves_under_way_is_served_as_it_was_judged() {
    let world = World::start().await;
    let (app, evil) = (image("app"), image("evil"));
    world.hub.put_image("team/app", &app);
    world.hub.put_image("team/app", &evil);
    world.hub.tag("team/app", "1", &app.manifest.digest);
    world.admit(NAME, &app).await;
    let hold = world.hub.hold(&app.manifest.digest.to_string());
    let pull = world.send(0, "GET", &manifests(NAME, "1"), &[]).await;
    hold.arrived().await;
    world.hub.tag("team/app", "1", &evil.manifest.digest);
    hold.release();
    let reply = pull.reply().await;
    reply.assert_served(&app.manifest.bytes);
    let digest = app.manifest.digest.to_string();
    assert_eq!(reply.header("docker-content-digest"), Some(&*digest));
}

#[tokio::test]
async fn a_tag_that_moved_is_judged_by_what_it_means_now() {
    let world = World::of(Setup::default().hub("tag_ttl = \"0s\"")).await;
    let (app, evil) = (image("app"), image("evil"));
    world.hub.put_image("team/app", &app);
    world.hub.put_image("team/app", &evil);
    world.hub.tag("team/app", "1", &app.manifest.digest);
    world.admit(NAME, &app).await;
    let path = manifests(NAME, "1");
    world.both(&path).await.assert_served(&app.manifest.bytes);
    world.hub.tag("team/app", "1", &evil.manifest.digest);
    world.both(&path).await.assert_denied("not-scanned");
}

#[tokio::test]
async fn a_tag_is_asked_for_once_while_it_is_fresh() {
    let world = World::start().await;
    let app = image("app");
    world.hub.put_image("team/app", &app);
    world.hub.tag("team/app", "1", &app.manifest.digest);
    world.admit(NAME, &app).await;
    for _ in 0..5 {
        world.both(&manifests(NAME, "1")).await;
    }
    let asked = world
        .hub
        .count_of(&Method::HEAD, RequestKind::Manifest, "team/app", "1");
    assert_eq!(asked, 1);
}

#[tokio::test]
async fn a_stale_tag_is_served_with_a_warning_while_the_upstream_is_down() {
    let world = World::of(Setup::default().hub("tag_ttl = \"0s\"")).await;
    let (app, denied) = (image("app"), image("denied"));
    for (tag, image) in [("1", &app), ("2", &denied)] {
        world.hub.put_image("team/app", image);
        world.hub.tag("team/app", tag, &image.manifest.digest);
    }
    world.admit(NAME, &app).await;
    let good = manifests(NAME, "1");
    world.both(&good).await.assert_served(&app.manifest.bytes);
    let bad = manifests(NAME, "2");
    world.both(&bad).await.assert_denied("not-scanned");
    world.hub.inject("/v2/", usize::MAX, Fault::Status(503));
    let reply = world.both(&good).await;
    reply.assert_served(&app.manifest.bytes);
    let warning = reply.header("warning").unwrap();
    assert!(warning.starts_with("299 - \"sekisho: stale: docker.io does not answer now"));
    world.both(&bad).await.assert_denied("not-scanned");
}

/// Bypass 22: a denied image still listed.
#[tokio::test]
async fn a_known_tag_is_served_at_once_while_the_upstream_hangs() {
    let world = World::start().await;
    let app = image("app");
    world.hub.put_image("team/app", &app);
    world.hub.tag("team/app", "1", &app.manifest.digest);
    world.admit(NAME, &app).await;
    let path = manifests(NAME, "1");
    world.get(&path).await.assert_served(&app.manifest.bytes);
    world.advance(jiff::SignedDuration::from_secs(90));
    let hold = world.hub.hold("/manifests/");
    let begun = std::time::Instant::now();
    for _ in 0..5 {
        let reply = world.get(&path).await;
        reply.assert_served(&app.manifest.bytes);
        let warning = reply.header("warning").unwrap();
        assert!(warning.contains("stale: docker.io"), "{warning}");
    }
    // A call to the upstream would have taken ten seconds and more.
    assert!(begun.elapsed() < std::time::Duration::from_secs(8));
    // What is said against the image meanwhile counts at once.
    world.revoke(&app.manifest.digest).await;
    world.get(&path).await.assert_denied("revoked");
    hold.release();
}

#[tokio::test]
async fn a_promoted_tag_is_served_at_once_after_a_restart_while_the_upstream_hangs() {
    let mut world = World::start().await;
    let app = image("app");
    world.hub.put_image("team/app", &app);
    world.hub.tag("team/app", "1", &app.manifest.digest);
    world.scan(NAME, &app, &[]).await;
    let body = json!({"image": format!("{NAME}:1"), "environment": "production", "resolve": true});
    let promoted = world.admin("POST", "/api/v1/promotions", Some(&body)).await;
    assert_eq!(promoted.status, 200, "{promoted:?}");
    let path = manifests(NAME, "1");
    world.get(&path).await.assert_served(&app.manifest.bytes);
    world.stop().await;
    world.serve().await;
    let hold = world.hub.hold("/manifests/");
    let begun = std::time::Instant::now();
    let reply = world.get(&path).await;
    reply.assert_served(&app.manifest.bytes);
    assert!(reply.header("warning").unwrap().contains("promoted last"));
    assert!(begun.elapsed() < std::time::Duration::from_secs(8));
    hold.release();
}

#[tokio::test]
async fn only_tags_that_would_be_served_are_listed() {
    // No word on a tag is fresh for long.
    let world = World::of(Setup::default().hub("tag_ttl = \"0s\"")).await;
    let (app, denied) = (image("app"), image("denied"));
    for (tag, image) in [("a", &app), ("b", &denied), ("c", &app)] {
        world.hub.put_image("team/app", image);
        world.hub.tag("team/app", tag, &image.manifest.digest);
    }
    world.admit(NAME, &app).await;
    for tag in ["a", "b"] {
        world.both(&manifests(NAME, tag)).await;
    }
    let listed = world.both(LIST).await.json();
    assert_eq!(listed, json!({ "name": NAME, "tags": ["a", "c"] }));
    world.revoke(&app.manifest.digest).await;
    assert_eq!(world.both(LIST).await.json()["tags"], json!([]));
}

#[tokio::test]
async fn lists_of_tags_are_paged() {
    let world = World::start().await;
    let app = image("app");
    world.hub.put_image("team/app", &app);
    world.admit(NAME, &app).await;
    for tag in ["a", "b", "c"] {
        world.hub.tag("team/app", tag, &app.manifest.digest);
        world.both(&manifests(NAME, tag)).await;
    }
    let mut path = format!("{LIST}?n=1");
    let mut seen = Vec::new();
    loop {
        let reply = world.both(&path).await;
        for tag in reply.json()["tags"].as_array().unwrap() {
            seen.push(tag.as_str().unwrap().to_owned());
        }
        let Some(link) = reply.header("link") else {
            break;
        };
        let (next, rel) = link.strip_prefix('<').unwrap().split_once('>').unwrap();
        assert_eq!(rel, "; rel=\"next\"");
        path = next.to_owned();
    }
    assert_eq!(seen, ["a", "b", "c"]);
    let none = world.both(&format!("{LIST}?n=0")).await;
    assert_eq!(none.json()["tags"], json!([]));
    let reply = world.both("/v2/docker.io/team/none/tags/list").await;
    assert_eq!((reply.status, &*reply.code()), (404, "NAME_UNKNOWN"));
}

fn promoted_tags() -> Setup {
    Setup::default()
        .production("promoted_tags = true")
        .hub("tag_ttl = \"0s\"")
        .listener("environment = \"production\"")
        .listener("environment = \"development\"")
        .more("[environments.development]\nmode = \"audit\"")
}

#[tokio::test]
async fn a_promoted_tag_stays_where_it_was_promoted() {
    let world = World::of(promoted_tags()).await;
    let (app, next) = (image("app"), image("next"));
    for image in [&app, &next] {
        world.hub.put_image("team/app", image);
        world.scan(NAME, image, &[]).await;
    }
    let path = manifests(NAME, "1");
    world.hub.tag("team/app", "1", &app.manifest.digest);
    assert_eq!(world.both(&path).await.status, 404);
    world
        .promote(&format!("{NAME}:1@{}", app.manifest.digest))
        .await;
    world.both(&path).await.assert_served(&app.manifest.bytes);
    world.hub.tag("team/app", "1", &next.manifest.digest);
    world.both(&path).await.assert_served(&app.manifest.bytes);
    world
        .promote(&format!("{NAME}:1@{}", next.manifest.digest))
        .await;
    world.both(&path).await.assert_served(&next.manifest.bytes);
    // No silent way back to what was promoted before.
    world.revoke(&next.manifest.digest).await;
    world.both(&path).await.assert_denied("revoked");
}

/// What another environment resolved says nothing of promoted tags.
#[tokio::test]
async fn promoted_tags_are_listed_by_their_promotion() {
    let world = World::of(promoted_tags().hub("")).await;
    let (app, next) = (image("app"), image("next"));
    for image in [&app, &next] {
        world.hub.put_image("team/app", image);
        world.hub.tag("team/app", "moved", &image.manifest.digest);
    }
    world.hub.tag("team/app", "other", &app.manifest.digest);
    world.scan(NAME, &app, &[]).await;
    world
        .promote(&format!("{NAME}:moved@{}", app.manifest.digest))
        .await;
    for tag in ["moved", "other"] {
        let path = manifests(NAME, tag);
        let reply = world.send(1, "GET", &path, &[]).await.reply().await;
        assert_eq!(reply.status, 200);
    }
    assert_eq!(world.both(LIST).await.json()["tags"], json!(["moved"]));
}

/// A tag means what was promoted under it, whoever asks.
#[tokio::test]
async fn every_door_answers_with_the_promoted_tag() {
    let world = World::of(promoted_tags()).await;
    let (app, next) = (image("app"), image("next"));
    for image in [&app, &next] {
        world.hub.put_image("team/app", image);
    }
    world.hub.tag("team/app", "1", &app.manifest.digest);
    let named = format!("{NAME}:1");
    let target = format!("/api/v1/verdicts?image={named}&environment=production");
    let explained = world.admin("GET", &target, None).await;
    assert_eq!(explained.status, 404, "nothing is promoted yet");
    let text = explained.json()["error"]["message"].to_string();
    assert!(text.contains("no digest was promoted"), "{text}");
    let told = &explained.json()["error"];
    assert_eq!(told["reason"], "not-promoted", "{told}");
    let step = told["next_step"].as_str().unwrap();
    assert!(step.contains("sekisho promote"), "{told}");
    let pulled = world.both(&manifests(NAME, "1")).await;
    assert_eq!((pulled.status, &*pulled.code()), (404, "MANIFEST_UNKNOWN"));
    let told = pulled.json()["errors"][0]["message"].to_string();
    assert!(
        told.contains("no digest was promoted as 1 to production"),
        "{told}"
    );
    let tried = Door::open(&world)
        .validate(&review(json!({"object": pod(&[&named])})))
        .await;
    tried.assert_denied("not-promoted");
    world.scan(NAME, &app, &[]).await;
    world
        .promote(&format!("{named}@{}", app.manifest.digest))
        .await;
    // The upstream moves it on, to what nobody scanned.
    world.hub.tag("team/app", "1", &next.manifest.digest);
    let explained = world.admin("GET", &target, None).await.json();
    assert_eq!(explained["digest"], app.manifest.digest.to_string());
    assert_eq!(explained["allowed"], true, "{explained}");
    let door = Door::open(&world);
    let tried = door
        .validate(&review(json!({"object": pod(&[&named])})))
        .await;
    assert!(tried.allowed(), "{tried:?}");
    let path = manifests(NAME, "1");
    world.both(&path).await.assert_served(&app.manifest.bytes);
    // Elsewhere a tag is the upstream's.
    let target = format!("/api/v1/verdicts?image={named}&environment=development");
    let explained = world.admin("GET", &target, None).await.json();
    assert_eq!(explained["digest"], next.manifest.digest.to_string());
    // To promote a tag as it is upstream moves the promoted one, for all.
    world.scan(NAME, &next, &[]).await;
    let body = json!({"image": named, "environment": "production", "resolve": true});
    let promoted = world.admin("POST", "/api/v1/promotions", Some(&body)).await;
    assert_eq!(promoted.json()["digest"], next.manifest.digest.to_string());
    world.both(&path).await.assert_served(&next.manifest.bytes);
}

/// What no listener of an environment serves is denied at its other doors, too.
#[tokio::test]
async fn every_door_keeps_to_what_listeners_serve() {
    let listener = "repositories = [\"docker.io/team/**\"]";
    let setup = Setup::default()
        .production("require = []")
        .listener(listener);
    let world = World::of(setup).await;
    let app = image("app");
    for name in ["team/app", "other/app"] {
        world.hub.put_image(name, &app);
        world.hub.tag(name, "1", &app.manifest.digest);
    }
    let digest = &app.manifest.digest;
    for (name, served) in [("docker.io/team/app", true), ("docker.io/other/app", false)] {
        let target = format!("/api/v1/verdicts?image={name}@{digest}&environment=production");
        let explained = world.admin("GET", &target, None).await.json();
        assert_eq!(explained["allowed"], served, "{explained}");
        let reply = world.both(&manifests(name, digest)).await;
        assert_eq!(reply.status == 200, served);
        if !served {
            reply.assert_denied("registry-not-permitted");
            assert_eq!(explained["reasons"][0]["reason"], "registry-not-permitted");
        }
        let target = format!("/api/v1/verdicts?image={name}:1&environment=production");
        let explained = world.admin("GET", &target, None).await;
        assert_eq!(explained.status == 200, served, "{}", explained.json());
    }
}
