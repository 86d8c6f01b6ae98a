//! Nothing leaks from one upstream to another: what is asked, sent or declared at a
//! development registry changes no pull from the production registry.

use sekisho::demo::{Fault, ImageBuilder, SampleImage};
use sekisho::oci::MediaType;

use crate::kit::{Setup, World, amd64, blobs, image, manifest_of, manifests, piece};

const PRODUCTION: &str = "corp/team/app";
const DEVELOPMENT: &str = "docker.io/team/app";
/// The listener of development.
const AUDIT: usize = 1;

fn setup() -> Setup {
    Setup::default()
        .listener("environment = \"production\"")
        .listener("environment = \"development\"")
        .more("[environments.development]\nmode = \"audit\"")
}

/// The image at both upstreams, admitted for production alone.
async fn at_both(world: &World, image: &SampleImage) {
    world.hub.put_image("team/app", image);
    world.corp.put_image("team/app", image);
    world.admit("registry.corp:5000/team/app", image).await;
}

/// An image whose layer is larger than what is withheld until it is verified.
fn large(name: &str) -> SampleImage {
    let content: Vec<u8> = name.bytes().cycle().take(1 << 20).collect();
    ImageBuilder::new(amd64()).file("data", &content).build()
}

#[tokio::test]
async fn silence_lies_and_refusals_of_a_development_upstream_reach_no_production_pull() {
    let world = World::of(setup()).await;
    let faults = [
        ("silence", None),
        ("lies", Some(Fault::WrongBytes)),
        ("refusal", Some(Fault::Status(404))),
        ("no authority", Some(Fault::Status(403))),
    ];
    for (name, fault) in faults {
        let app = large(name);
        at_both(&world, &app).await;
        let layer = &app.layers[0];
        let path = manifests(DEVELOPMENT, &app.manifest.digest);
        let passed = world.send(AUDIT, "GET", &path, &[]).await.reply().await;
        assert_eq!(passed.status, 200);
        let fragment = layer.digest.to_string();
        let hold = world.hub.hold(&fragment);
        if let Some(fault) = fault {
            world.hub.inject(&fragment, usize::MAX, fault);
        }
        let path = blobs(DEVELOPMENT, &layer.digest);
        let development = world.send(AUDIT, "GET", &path, &[]).await;
        hold.arrived().await;
        let path = blobs(PRODUCTION, &layer.digest);
        assert_eq!(world.head(&path).await.status, 200, "{name}");
        world.get(&path).await.assert_served(&layer.bytes);
        hold.release();
        drop(development);
        world.get(&path).await.assert_served(&layer.bytes);
        world.hub.heal();
    }
}

/// Once judged, a manifest that is fetched again is served as what it was judged by,
/// whatever either upstream calls it by then.
#[tokio::test]
async fn a_manifest_keeps_the_type_that_it_was_judged_by() {
    let mut world = World::of(setup()).await;
    let plain = image("app");
    let mut body = manifest_of(&plain);
    body.as_object_mut().unwrap().remove("mediaType");
    let silent = SampleImage {
        manifest: piece(MediaType::OCI_MANIFEST.as_str(), body.to_string()),
        ..image("app")
    };
    for app in [silent, image("other")] {
        at_both(&world, &app).await;
        let digest = &app.manifest.digest;
        let (path, other) = (
            manifests(PRODUCTION, digest),
            manifests(DEVELOPMENT, digest),
        );
        for lost in [false, true] {
            if lost {
                world.stop().await;
                std::fs::remove_dir_all(world.data().join("cache")).unwrap();
                world.serve().await;
                for upstream in [&world.hub, &world.corp] {
                    let wrong = Fault::With("content-type", "text/html".into());
                    upstream.inject(&digest.to_string(), usize::MAX, wrong);
                }
            }
            let passed = world.send(AUDIT, "GET", &other, &[]).await.reply().await;
            for reply in [passed, world.both(&path).await, world.both(&path).await] {
                reply.assert_served(&app.manifest.bytes);
                let judged = MediaType::OCI_MANIFEST;
                assert_eq!(
                    reply.header("content-type"),
                    Some(judged.as_str()),
                    "{lost}"
                );
            }
        }
    }
}
