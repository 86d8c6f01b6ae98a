//! Where an image comes from: how long it is known, and what it was built on.

use std::time::Duration;

use jiff::SignedDuration;
use sekisho::demo::{ImageBuilder, SampleImage};
use serde_json::json;

use crate::kit::lab::{self, Lab};
use crate::kit::{Found, Setup, World, amd64, image, manifests, piece};

const NAME: &str = "docker.io/team/app";
const BASE: &str = "registry.corp:5000/base/debian";
const WANTS_BASE: &str = "trusted_bases = [\"registry.corp:5000/base/**\"]";

fn layered(layers: &[&str]) -> SampleImage {
    let start = ImageBuilder::new(amd64());
    let add = |builder: ImageBuilder, name: &&str| builder.file(name, name.as_bytes());
    layers.iter().fold(start, add).build()
}

/// A world that demands a base, with one, and images on it and beside it.
async fn built() -> (World, SampleImage) {
    let world = World::of(Setup::default().production(WANTS_BASE)).await;
    let base = layered(&["os", "libraries"]);
    world.corp.put_image("base/debian", &base);
    world.admit(BASE, &base).await;
    (world, base)
}

async fn put(world: &World, image: &SampleImage) -> String {
    world.hub.put_image("team/app", image);
    world.scan(NAME, image, &[]).await;
    manifests(NAME, &image.manifest.digest)
}

/// Promotes what is denied.
async fn force(world: &World, image: &SampleImage) {
    let named = format!("{NAME}@{}", image.manifest.digest);
    let body = serde_json::json!({"image": named, "environment": "production", "force": true});
    let reply = world.admin("POST", "/api/v1/promotions", Some(&body)).await;
    assert_eq!(reply.status, 200, "{reply:?}");
}

#[tokio::test]
async fn serves_what_begins_with_all_layers_of_an_admitted_base() {
    let (world, _) = built().await;
    let app = layered(&["os", "libraries", "app"]);
    let path = put(&world, &app).await;
    world
        .promote(&format!("{NAME}@{}", app.manifest.digest))
        .await;
    world.both(&path).await.assert_served(&app.manifest.bytes);
}

#[tokio::test]
async fn denies_what_holds_only_some_layers_of_a_base_or_others_first() {
    let (world, _) = built().await;
    for layers in [
        &["os", "app"][..],
        &["app", "os", "libraries"],
        &["os"],
        &["app"],
    ] {
        let app = layered(layers);
        let path = put(&world, &app).await;
        force(&world, &app).await;
        world.both(&path).await.assert_denied("untrusted-base");
    }
}

#[tokio::test]
async fn a_base_that_is_revoked_takes_along_what_is_built_on_it() {
    let (world, base) = built().await;
    let app = layered(&["os", "libraries", "app"]);
    let path = put(&world, &app).await;
    world
        .promote(&format!("{NAME}@{}", app.manifest.digest))
        .await;
    world.get(&path).await.assert_served(&app.manifest.bytes);
    world.revoke(&base.manifest.digest).await;
    world.advance(SignedDuration::from_millis(600));
    world.both(&path).await.assert_denied("untrusted-base");
    world.reinstate(&base.manifest.digest).await;
    world.advance(SignedDuration::from_millis(600));
    world.get(&path).await.assert_served(&app.manifest.bytes);
}

#[tokio::test]
async fn a_base_that_is_not_admitted_is_none() {
    let world = World::of(Setup::default().production(WANTS_BASE)).await;
    let base = layered(&["os"]);
    world.corp.put_image("base/debian", &base);
    let bad = Found {
        id: "CVE-2026-0001",
        severity: "CRITICAL",
        package: "zlib",
    };
    world.scan(BASE, &base, &[bad]).await;
    let app = layered(&["os", "app"]);
    let path = put(&world, &app).await;
    force(&world, &app).await;
    world.both(&path).await.assert_denied("untrusted-base");
}

/// The layers of what does not run are no file system, whatever is known of it.
#[tokio::test]
async fn an_artifact_is_no_base() {
    const KIND: &str = "application/vnd.example.notes";
    let keys = format!("require = []\n{WANTS_BASE}\nartifact_types = [\"{KIND}\"]");
    let world = World::of(Setup::default().production(&keys)).await;
    let (os, app) = (layered(&["os"]), layered(&["os", "app"]));
    let mut layer = os.layers[0].descriptor();
    layer["mediaType"] = json!("text/plain");
    let empty = piece("application/vnd.oci.empty.v1+json", "{}");
    let oci = "application/vnd.oci.image.manifest.v1+json";
    let artifact = json!({
        "schemaVersion": 2, "mediaType": oci, "artifactType": KIND,
        "config": empty.descriptor(), "layers": [layer],
    });
    let artifact = piece(oci, artifact.to_string());
    for blob in [&empty, &os.layers[0]] {
        world.corp.put_blob("base/debian", blob);
    }
    world.corp.put_manifest("base/debian", &artifact);
    let served = world
        .both(&manifests("corp/base/debian", &artifact.digest))
        .await;
    served.assert_served(&artifact.bytes);
    world.hub.put_image("team/app", &app);
    let path = manifests(NAME, &app.manifest.digest);
    world.both(&path).await.assert_denied("untrusted-base");
    // The image with the same layer is one.
    world.corp.put_image("base/debian", &os);
    let path_of_base = manifests("corp/base/debian", &os.manifest.digest);
    assert_eq!(world.both(&path_of_base).await.status, 200);
    world.advance(SignedDuration::from_millis(600));
    world.both(&path).await.assert_served(&app.manifest.bytes);
}

#[tokio::test]
async fn a_fresh_image_waits_from_when_it_was_first_seen() {
    let world = World::of(Setup::default().production("min_age = \"1h\"")).await;
    let app = image("app");
    world.hub.put_image("team/app", &app);
    let path = manifests(NAME, &app.manifest.digest);
    // Seen for the first time, whether or not there is evidence.
    assert_eq!(world.get(&path).await.status, 403);
    world.scan(NAME, &app, &[]).await;
    force(&world, &app).await;
    world.both(&path).await.assert_denied("too-new");
    world.advance(SignedDuration::from_mins(59));
    world.looked("follow").await;
    world.both(&path).await.assert_denied("too-new");
    world.advance(SignedDuration::from_mins(2));
    world.both(&path).await.assert_served(&app.manifest.bytes);
}

#[tokio::test]
async fn a_newer_report_makes_no_image_wait_again() {
    let world = World::of(Setup::default().production("min_age = \"1h\"")).await;
    let app = image("app");
    world.hub.put_image("team/app", &app);
    let path = manifests(NAME, &app.manifest.digest);
    for id in ["CVE-2026-1", "CVE-2026-2", "CVE-2026-3"] {
        let (severity, package) = ("LOW", "zlib");
        let found = Found {
            id,
            severity,
            package,
        };
        world.scan(NAME, &app, &[found]).await;
        world.advance(SignedDuration::from_mins(31));
        world.looked("follow").await;
    }
    force(&world, &app).await;
    world.both(&path).await.assert_served(&app.manifest.bytes);
}

#[tokio::test]
async fn what_was_scanned_here_before_a_rule_of_ages_does_not_wait_from_that() {
    let lab = Lab::start().await;
    let (image, named) = lab.put(lab::NAME, "1");
    lab.submit(&lab.token, &named, &lab::trivy(&image, &[]))
        .await
        .expect(200);
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let waiting = format!("{}min_age = \"1s\"\n", lab::ENVIRONMENTS);
    lab.rewrite(lab::LISTENERS, &waiting);
    let lab = lab.restarted().await;
    assert_eq!(lab.verdict(&named, "staging").await["allowed"], true);
    lab.stop().await;
}
