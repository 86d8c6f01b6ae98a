//! Images that say a wrong size of a layer which others hold, too.

use sekisho::demo::{ImageBuilder, SampleContent, SampleImage};
use sekisho::oci::Platform;
use serde_json::json;

use crate::kit::{Setup, World, blobs, image, manifest_of, manifests, piece};

const NAME: &str = "docker.io/team/app";
const OTHER: &str = "docker.io/team/other";
const OCI: &str = "application/vnd.oci.image.manifest.v1+json";

/// Where what lacks evidence passes.
async fn lenient() -> World {
    World::of(Setup::default().production("mode = \"audit\"")).await
}

/// An image of a large layer and one of a small one.
fn images() -> [SampleImage; 2] {
    let large = ImageBuilder::new(Platform::new("linux", "amd64", None));
    [large.file("data", &[7; 2 << 20]).build(), image("app")]
}

/// The manifest of `image`, with another size of its layer.
fn saying(image: &SampleImage, size: usize) -> SampleContent {
    let mut manifest = manifest_of(image);
    manifest["layers"][0]["size"] = json!(size);
    piece(OCI, manifest.to_string())
}

/// Whether the layer is in the cache or not, and whoever was pulled first: by HEAD, GET and
/// Range.
#[tokio::test]
async fn an_image_that_says_a_wrong_size_cuts_no_layer_of_another() {
    for good in images() {
        let layer = &good.layers[0];
        let length = layer.bytes.len();
        for (is_cached, said) in [
            (true, length / 2),
            (false, length / 2),
            (true, 2 * length),
            (false, 2 * length),
        ] {
            let world = lenient().await;
            for name in ["team/app", "team/other"] {
                world.hub.put_image(name, &good);
            }
            if is_cached {
                let path = manifests(OTHER, &good.manifest.digest);
                assert_eq!(world.get(&path).await.status, 200);
                let path = blobs(OTHER, &layer.digest);
                world.get(&path).await.assert_served(&layer.bytes);
            }
            let wrong = saying(&good, said);
            world.hub.put_manifest("team/app", &wrong);
            let path = blobs(NAME, &layer.digest);
            let pulled = world.get(&manifests(NAME, &wrong.digest)).await;
            assert_eq!(pulled.status, 200);
            // By this image alone it has no length that could be told.
            let by_wrong = world.both(&path).await;
            assert_ne!(by_wrong.status, 200, "{is_cached}, {said} of {length}");
            let pulled = world.get(&manifests(NAME, &good.manifest.digest)).await;
            assert_eq!(pulled.status, 200);
            world.get(&path).await.assert_served(&layer.bytes);
            world.both(&path).await.assert_served(&layer.bytes);
            let end = [("range", "bytes=-1")];
            let part = world.get_with(&path, &end).await;
            assert_eq!(part.status, 206, "{is_cached}, {said} of {length}");
            assert_eq!(part.body, layer.bytes[length - 1..]);
        }
    }
}
