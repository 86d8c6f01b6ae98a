//! What an upstream lacked, or sent wrong, when an image was read first, and has now.

use std::time::Duration;

use http::StatusCode;
use sekisho::demo::{Fault, SampleIndex};

use crate::kit::{Reply, Setup, World, eventually, image, image_on, manifests};

const NAME: &str = "docker.io/team/app";

/// How long an absence is believed here, and a little more.
const ABSENT_FOR: Duration = Duration::from_millis(1100);

async fn impatient() -> World {
    World::of(Setup::default().hub("tag_ttl = \"1s\"")).await
}

async fn comes(world: &World, path: &str) -> Reply {
    eventually("it is served", || async {
        world.get(path).await.status == StatusCode::OK
    })
    .await;
    world.both(path).await
}

/// A replicated registry may have an index before all of its images.
#[tokio::test]
async fn an_index_is_served_once_its_images_have_come() {
    for restarts in [false, true] {
        let mut world = impatient().await;
        let images = ["amd64", "arm64"].map(|it| image_on("app", it));
        let index = SampleIndex::new(images.to_vec());
        world.hub.put_index("team/app", &index);
        let late = images[1].manifest.digest.to_string();
        world.hub.delete("team/app", &late);
        let path = manifests(NAME, &index.manifest.digest);
        let lacking = world.get(&path).await;
        assert_eq!(lacking.status, 403, "{lacking:?}");
        if restarts {
            world.stop().await;
            world.serve().await;
        }
        world.hub.put_image("team/app", &images[1]);
        tokio::time::sleep(ABSENT_FOR).await;
        world.admit_index(NAME, &index).await;
        let came = comes(&world, &path).await;
        came.assert_served(&index.manifest.bytes);
    }
}

/// Neither is a property of the digest.
#[tokio::test]
async fn a_config_that_lacked_and_a_type_that_was_wrong_are_asked_for_again() {
    for (fragment, fault) in [
        ("/blobs/", Fault::Status(404)),
        (
            "/manifests/",
            Fault::With("content-type", "application/xml".to_owned()),
        ),
    ] {
        let world = impatient().await;
        let app = image("app");
        world.hub.put_image("team/app", &app);
        world.hub.inject(fragment, 1, fault);
        let path = manifests(NAME, &app.manifest.digest);
        let first = world.get(&path).await;
        assert_eq!(first.reason(), "manifest-refused", "{fragment}: {first:?}");
        world.hub.heal();
        tokio::time::sleep(ABSENT_FOR).await;
        world.admit(NAME, &app).await;
        comes(&world, &path)
            .await
            .assert_served(&app.manifest.bytes);
    }
}
