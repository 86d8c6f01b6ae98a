//! Upstreams as they are: what they do otherwise than others, and pulls all the same.

use sekisho::demo::{DemoRegistry, Fault};
use sekisho::tasks::Tasks;

use crate::kit::{Setup, World, blobs, image, manifests};

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
