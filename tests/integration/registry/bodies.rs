//! Bodies that parsers read differently are refused, in every mode.

use sekisho::demo::{SampleContent, SampleImage};
use serde_json::{Value, json};

use crate::kit::{Setup, World, blobs, image, manifest_of, manifests, piece};

const NAME: &str = "docker.io/team/app";
const OCI: &str = "application/vnd.oci.image.manifest.v1+json";
const DOCKER: &str = "application/vnd.docker.distribution.manifest.v2+json";

/// A world where what lacks evidence passes, and one where it does not.
async fn worlds() -> [World; 2] {
    let audit = Setup::default().production("mode = \"audit\"");
    [World::start().await, World::of(audit).await]
}

async fn assert_refused(what: &str, app: &SampleImage, manifest: &SampleContent) {
    for world in worlds().await {
        world.hub.put_image("team/app", app);
        world.hub.put_manifest("team/app", manifest);
        world.hub.tag("team/app", "1", &manifest.digest);
        for reference in ["1".to_owned(), manifest.digest.to_string()] {
            let reply = world.both(&manifests(NAME, reference)).await;
            assert_eq!(reply.reason(), "manifest-refused", "{what}: {reply:?}");
            assert_eq!(reply.status, 403, "{what}");
        }
        let reply = world.both(&blobs(NAME, &app.layers[0].digest)).await;
        assert_eq!(reply.status, 403, "{what}");
    }
}

fn text_of(image: &SampleImage) -> String {
    String::from_utf8(image.manifest.bytes.to_vec()).unwrap()
}

/// Bypass 6: key case, duplicate keys, BOM, trailing bytes, invalid UTF-8.
#[tokio::test]
async fn a_body_that_parsers_read_differently_is_refused() {
    let app = image("app");
    let text = text_of(&app);
    let evil = json!({ "digest": app.layers[0].digest.to_string(), "size": 1, "mediaType": OCI });
    let invalid = [b"{\"annotations\":{\"a\":\"\xff\"},", &text.as_bytes()[1..]].concat();
    for (what, bytes) in [
        (
            "duplicate",
            format!("{{\"config\":{evil},{}", &text[1..]).into_bytes(),
        ),
        (
            "folded",
            format!("{{\"Config\":{evil},{}", &text[1..]).into_bytes(),
        ),
        (
            "folded by Unicode",
            format!("{{\"layer\u{17f}\":[{evil}],{}", &text[1..]).into_bytes(),
        ),
        ("BOM", format!("\u{feff}{text}").into_bytes()),
        ("trailing", format!("{text}{{}}").into_bytes()),
        ("invalid", invalid),
    ] {
        assert_refused(what, &app, &piece(OCI, bytes)).await;
    }
}

/// Bypass 6: `mediaType` against Content-Type. Bypass 5: the body's shape
/// decides nothing alone.
#[tokio::test]
async fn a_type_that_disagrees_with_the_body_is_refused() {
    let app = image("app");
    let index = "application/vnd.oci.image.index.v1+json";
    for media_type in [index, DOCKER, "application/vnd.example+json"] {
        assert_refused(media_type, &app, &piece(media_type, text_of(&app))).await;
    }
    let both = bent(&app, |manifest| manifest["manifests"] = json!([]));
    assert_refused("index and image", &app, &both).await;
    let untyped = piece("application/json", both.bytes);
    assert_refused("the same of no type", &app, &untyped).await;
}

/// Bypass 6: schema 1 has no config, and its digests bind nothing.
#[tokio::test]
async fn schema_1_is_refused() {
    let app = image("app");
    let layer = &app.layers[0].digest;
    let schema1 = json!({
        "schemaVersion": 1,
        "name": "team/app",
        "tag": "1",
        "architecture": "amd64",
        "fsLayers": [{ "blobSum": layer.to_string() }],
        "history": [{ "v1Compatibility": "{}" }],
    });
    for media_type in [
        "application/vnd.docker.distribution.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v1+prettyjws",
        "application/json",
        OCI,
    ] {
        assert_refused(media_type, &app, &piece(media_type, schema1.to_string())).await;
    }
}

/// Bypass 17: foreign layers, which nodes fetch from elsewhere by themselves.
#[tokio::test]
async fn layers_that_lie_elsewhere_are_refused() {
    let app = image("app");
    let urls = json!(["https://elsewhere.example/layer"]);
    let with_urls = bent(&app, |manifest| {
        manifest["layers"][0]["urls"] = urls.clone()
    });
    assert_refused("urls", &app, &with_urls).await;
    let config = bent(&app, |manifest| manifest["config"]["urls"] = urls.clone());
    assert_refused("urls of the config", &app, &config).await;
    let foreign = bent(&app, |manifest| {
        let media_type = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
        manifest["layers"][0]["mediaType"] = json!(media_type);
    });
    assert_refused("foreign type", &app, &foreign).await;
}

fn bent(image: &SampleImage, bend: impl FnOnce(&mut Value)) -> SampleContent {
    let mut manifest = manifest_of(image);
    bend(&mut manifest);
    piece(OCI, manifest.to_string())
}
