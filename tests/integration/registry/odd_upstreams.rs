//! Upstreams as they are: what they do otherwise than others, and pulls all the same.

use sekisho::demo::{DemoAuth, DemoRegistry, Fault, SampleContent};
use sekisho::tasks::Tasks;

use crate::kit::{Setup, World, blobs, entry, image, index_of, manifests, piece};

const NAME: &str = "docker.io/team/app";
const CORP: &str = "corp/team/app";

#[tokio::test]
async fn pulls_from_an_upstream_that_answers_no_head() {
    for status in [400, 403, 405, 501] {
        let world = World::start().await;
        let app = image("app");
        world.hub.put_image("team/app", &app);
        world.hub.tag("team/app", "1", &app.manifest.digest);
        let refused = Fault::OfHead(Box::new(Fault::Status(status)));
        world.hub.inject("/v2/", usize::MAX, refused);
        world.admit(NAME, &app).await;
        let reply = world.both(&manifests(NAME, "1")).await;
        reply.assert_served(&app.manifest.bytes);
        let layer = &app.layers[0];
        let reply = world.both(&blobs(NAME, &layer.digest)).await;
        reply.assert_served(&layer.bytes);
    }
}

/// As registry.k8s.io does: manifests and blobs lie at another host, whose presigned
/// URLs answer GET alone.
#[tokio::test]
async fn pulls_from_an_upstream_that_redirects_everything() {
    let tasks = Tasks::new();
    let behind = DemoRegistry::start(&tasks).await.unwrap();
    let corp = DemoRegistry::start(&tasks).await.unwrap();
    let listed = format!("redirect_hosts = [\"{}\"]", behind.address());
    let world = World::behind(corp, |_| Setup::default().corp(&listed)).await;
    let app = image("app");
    behind.put_image("team/app", &app);
    behind.tag("team/app", "1", &app.manifest.digest);
    let everything = Fault::Redirect(behind.origin());
    world.corp.inject("/v2/", usize::MAX, everything);
    let for_get_alone = Fault::OfHead(Box::new(Fault::Status(403)));
    behind.inject("/blobs/", usize::MAX, for_get_alone);
    world.admit("registry.corp:5000/team/app", &app).await;
    let reply = world.both(&manifests(CORP, "1")).await;
    reply.assert_served(&app.manifest.bytes);
    let layer = &app.layers[0];
    let path = blobs(CORP, &layer.digest);
    let head = world.head(&path).await;
    let size = layer.bytes.len().to_string();
    assert_eq!(head.header("content-length"), Some(&*size));
    world.both(&path).await.assert_served(&layer.bytes);
}

#[tokio::test]
async fn pulls_from_an_upstream_that_compresses_unasked() {
    let world = World::start().await;
    let app = image("app");
    world.hub.put_image("team/app", &app);
    world.hub.tag("team/app", "1", &app.manifest.digest);
    world.hub.inject("/v2/", usize::MAX, Fault::Gzip);
    world.admit(NAME, &app).await;
    for reference in ["1".to_owned(), app.manifest.digest.to_string()] {
        let reply = world.both(&manifests(NAME, reference)).await;
        reply.assert_served(&app.manifest.bytes);
        assert_eq!(reply.header("content-encoding"), None);
    }
    let layer = &app.layers[0];
    let reply = world.both(&blobs(NAME, &layer.digest)).await;
    reply.assert_served(&layer.bytes);
    assert_eq!(reply.header("content-encoding"), None);
}

/// What a few bytes grow into is cut off where the manifest's size ends.
#[tokio::test]
async fn a_bomb_is_not_inflated() {
    let world = World::start().await;
    let (app, other) = (image("app"), image("other"));
    for image in [&app, &other] {
        world.hub.put_image("team/app", image);
    }
    let grown = |piece: &SampleContent| SampleContent {
        bytes: vec![0; 64 << 20].into(),
        ..piece.clone()
    };
    world.hub.put_blob("team/app", &grown(&app.layers[0]));
    world.hub.put_blob("team/app", &grown(&other.config));
    world.hub.inject("/blobs/", usize::MAX, Fault::Gzip);
    let reply = world.get(&manifests(NAME, &other.manifest.digest)).await;
    assert!(reply.status >= 500, "its config cannot be read");
    world.admit(NAME, &app).await;
    let reply = world.get(&blobs(NAME, &app.layers[0].digest)).await;
    assert!(reply.status >= 500, "{reply:?}");
}

#[tokio::test]
async fn serves_the_type_that_a_body_says_where_the_upstream_does_not() {
    let with = |sent: &str| Fault::With("content-type", sent.to_owned());
    for fault in [
        Fault::Without("content-type"),
        with("application/json"),
        with("text/plain; charset=utf-8"),
        with("application/octet-stream"),
    ] {
        let world = World::start().await;
        let app = image("app");
        let index = index_of(&[entry(&app, "linux", "amd64")]);
        world.hub.put_image("team/app", &app);
        world.hub.put_manifest("team/app", &index);
        world.hub.tag("team/app", "1", &index.digest);
        world.hub.inject("/manifests/", usize::MAX, fault);
        world.admit(NAME, &app).await;
        world.promote(&format!("{NAME}@{}", index.digest)).await;
        for piece in [&index, &app.manifest] {
            let reply = world.both(&manifests(NAME, &piece.digest)).await;
            reply.assert_served(&piece.bytes);
            let sent = reply.header("content-type");
            assert_eq!(sent, Some(piece.media_type.as_str()));
        }
        let reply = world.both(&manifests(NAME, "1")).await;
        reply.assert_served(&index.bytes);
    }
}

#[tokio::test]
async fn a_manifest_that_does_not_say_what_it_is_is_refused_plainly() {
    let world = World::of(Setup::default().production("mode = \"audit\"")).await;
    let nothing = piece("application/json", "{\"hello\":\"world\"}");
    world.hub.put_manifest("team/app", &nothing);
    let reply = world.both(&manifests(NAME, &nothing.digest)).await;
    reply.assert_denied("manifest-refused");
    assert!(reply.message().contains("nor its body says"), "{reply:?}");
}

#[tokio::test]
async fn lists_referrers_of_an_upstream_that_has_no_such_list() {
    let sbom_type = "application/spdx+json";
    let setup = Setup::default().production(&format!("referrer_types = [\"{sbom_type}\"]"));
    let world = World::of(setup).await;
    let app = image("app");
    let sbom = app.referrer(sbom_type, "{}");
    for image in [&app, &sbom] {
        world.hub.put_image("team/app", image);
    }
    world.admit(NAME, &app).await;
    let mut entry = sbom.manifest.descriptor();
    entry["artifactType"] = sbom_type.into();
    let list = index_of(&[entry]);
    let tag = format!("sha256-{}", app.manifest.digest.hex());
    world.hub.put_manifest("team/app", &list);
    world.hub.tag("team/app", &tag, &list.digest);
    let missing = Fault::Status(404);
    world.hub.inject("/referrers/", usize::MAX, missing);
    let path = format!("/v2/{NAME}/referrers/{}", app.manifest.digest);
    let listed = world.both(&path).await.json();
    let digest = sbom.manifest.digest.to_string();
    assert_eq!(listed["manifests"][0]["digest"], digest);
    let reply = world.both(&manifests(NAME, &sbom.manifest.digest)).await;
    reply.assert_served(&sbom.manifest.bytes);
}

/// Names stay as they were: the upstream's path is its own affair.
#[tokio::test]
async fn pulls_from_an_upstream_below_a_path() {
    let tasks = Tasks::new();
    let path = "/artifactory/api/docker/docker-remote";
    let corp = DemoRegistry::start_below(&tasks, DemoAuth::Open, path);
    let world = World::behind(corp.await.unwrap(), |_| Setup::default()).await;
    let app = image("app");
    world.corp.put_image("team/app", &app);
    world.corp.tag("team/app", "1", &app.manifest.digest);
    world.admit("registry.corp:5000/team/app", &app).await;
    let reply = world.both(&manifests(CORP, "1")).await;
    reply.assert_served(&app.manifest.bytes);
    let named = "/v2/team/app/manifests/1?ns=registry.corp:5000";
    world.both(named).await.assert_served(&app.manifest.bytes);
    let layer = &app.layers[0];
    let reply = world.both(&blobs(CORP, &layer.digest)).await;
    reply.assert_served(&layer.bytes);
}
