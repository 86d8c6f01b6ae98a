//! Upstreams are worlds of their own.

use http::Method;
use sekisho::demo::{Bearer, DemoAuth, DemoRegistry, Login, RequestKind};
use sekisho::tasks::Tasks;

use crate::kit::{Setup, World, blobs, image, manifests};

/// Bypass 13: one verdict or one cache key for two upstreams.
#[tokio::test]
async fn a_verdict_on_one_upstream_says_nothing_of_another() {
    let world = World::start().await;
    let app = image("app");
    world.hub.put_image("team/app", &app);
    world.corp.put_image("team/app", &app);
    world.admit("docker.io/team/app", &app).await;
    let digest = &app.manifest.digest;
    let layer = &app.layers[0].digest;
    let reply = world.both(&manifests("docker.io/team/app", digest)).await;
    reply.assert_served(&app.manifest.bytes);
    let reply = world.get(&blobs("docker.io/team/app", layer)).await;
    reply.assert_served(&app.layers[0].bytes);
    // In the cache by now, and still another repository's.
    let reply = world.both(&manifests("corp/team/app", digest)).await;
    reply.assert_denied("not-promoted");
    let reply = world.both(&blobs("corp/team/app", layer)).await;
    assert_eq!(reply.status, 403);
}

/// Bypass 13: fallback to another upstream on a 404.
#[tokio::test]
async fn what_one_upstream_lacks_is_asked_of_no_other() {
    let world = World::of(Setup::default().production("mode = \"audit\"")).await;
    let app = image("app");
    world.corp.put_image("team/app", &app);
    world.corp.tag("team/app", "1", &app.manifest.digest);
    for reference in ["1".to_owned(), app.manifest.digest.to_string()] {
        let reply = world
            .both(&manifests("docker.io/team/app", reference))
            .await;
        assert_eq!(reply.status, 404);
    }
    assert_eq!(world.corp.total(), 0);
}

/// Bypass 20: a denial that leads elsewhere. No status that a client reads as
/// "ask another", no redirect, no challenge, and nothing asked for.
#[tokio::test]
async fn a_denial_never_redirects_clients() {
    let world = World::start().await;
    let app = image("app");
    world.hub.put_image("team/app", &app);
    world.corp.put_image("team/app", &app);
    let path = manifests("docker.io/team/app", &app.manifest.digest);
    let reply = world.both(&path).await;
    reply.assert_denied("not-scanned");
    for name in ["location", "link", "www-authenticate", "retry-after"] {
        assert_eq!(reply.header(name), None);
    }
    let asked = world.asked();
    for _ in 0..3 {
        world.both(&path).await;
    }
    assert_eq!(world.asked(), asked, "a denial is remembered");
    assert_eq!(world.corp.total(), 0);
    let layer = app.layers[0].digest.to_string();
    for method in [Method::GET, Method::HEAD] {
        let asked = world
            .hub
            .count_of(&method, RequestKind::Blob, "team/app", &layer);
        assert_eq!(asked, 0);
    }
}

/// Bypass 21: content shared across repositories by one store.
#[tokio::test]
async fn a_cached_blob_of_one_repository_is_not_served_in_another() {
    let world = World::start().await;
    let (app, other) = (image("app"), image("other"));
    world.hub.put_image("team/app", &app);
    world.hub.put_image("team/other", &other);
    world.admit("docker.io/team/app", &app).await;
    world.admit("docker.io/team/other", &other).await;
    let layer = &app.layers[0];
    let reply = world
        .both(&blobs("docker.io/team/app", &layer.digest))
        .await;
    reply.assert_served(&layer.bytes);
    for name in [
        "docker.io/team/other",
        "docker.io/team/none",
        "corp/team/app",
    ] {
        let reply = world.both(&blobs(name, &layer.digest)).await;
        reply.assert_denied("not-in-admitted-image");
    }
}

#[tokio::test]
async fn a_promotion_counts_in_its_repository_alone() {
    let world = World::start().await;
    let app = image("app");
    world.hub.put_image("team/app", &app);
    world.hub.put_image("team/copy", &app);
    world.admit("docker.io/team/app", &app).await;
    let path = manifests("docker.io/team/copy", &app.manifest.digest);
    world.both(&path).await.assert_denied("not-promoted");
}

#[tokio::test]
async fn what_an_operator_leaves_out_is_refused_without_asking() {
    for setup in [
        Setup::default()
            .production("mode = \"audit\"")
            .listener("repositories = [\"docker.io/team/*\"]"),
        Setup::default()
            .production("mode = \"audit\"\nupstreams = [\"docker.io\"]")
            .hub("repositories = [\"docker.io/team/*\"]"),
    ] {
        let world = World::of(setup).await;
        let app = image("app");
        for name in ["team/app", "evil/app"] {
            world.hub.put_image(name, &app);
            world.corp.put_image(name, &app);
        }
        for name in ["docker.io/evil/app", "corp/team/app"] {
            for path in [
                manifests(name, "1"),
                manifests(name, &app.manifest.digest),
                blobs(name, &app.layers[0].digest),
                format!("/v2/{name}/tags/list"),
                format!("/v2/{name}/referrers/{}", app.manifest.digest),
            ] {
                let reply = world.both(&path).await;
                reply.assert_denied("registry-not-permitted");
            }
        }
        assert_eq!(world.asked(), 0);
        let path = manifests("docker.io/team/app", &app.manifest.digest);
        world.both(&path).await.assert_served(&app.manifest.bytes);
    }
}

/// Bypass 18: credentials sent to a realm of the upstream's choosing.
#[tokio::test]
async fn an_upstreams_credentials_go_to_no_realm_of_its_choosing() {
    let tasks = Tasks::new();
    let thief = DemoRegistry::start(&tasks).await.unwrap();
    let login = Some(Login::new("robot", "secret"));
    let bearer = Bearer {
        login,
        realm: Some(format!("{}/token", thief.origin())),
        expires_in: None,
    };
    let corp = DemoRegistry::start_with(&tasks, DemoAuth::Bearer(bearer)).await;
    let world = World::behind(corp.unwrap(), |folder| {
        std::fs::write(folder.join("password"), "secret").unwrap();
        Setup::default()
            .production("mode = \"audit\"")
            .corp("credentials = { username = \"robot\", password_file = \"password\" }")
    });
    let world = world.await;
    let app = image("app");
    world.corp.put_image("team/app", &app);
    let path = manifests("corp/team/app", &app.manifest.digest);
    let reply = world.get(&path).await;
    assert_eq!(reply.status, 503);
    assert!(reply.phrase.contains("token_hosts"), "{reply:?}");
    assert_eq!(thief.total(), 0, "{:?}", thief.seen());
}
