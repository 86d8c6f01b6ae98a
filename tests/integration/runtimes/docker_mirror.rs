//! Docker's `registry-mirrors`: it names no registry, so the listener does. It is
//! never enforcement, since Docker asks Docker Hub next; here that is out of reach.

use crate::lab::{Docker, Gateway, Origin, Setup, or_skip};

#[test]
fn docker_pulls_hub_images_through_a_listener_that_mirrors_it() {
    let origin = or_skip!(Origin::start());
    let setup = Setup::new()
        .upstream("docker.io", "docker.io", origin.address())
        .listener("mirror_of = \"docker.io\"\n");
    let gateway = Gateway::start(&setup);
    let mirror = format!(
        "{{\"registry-mirrors\": [\"http://{}\"]}}",
        gateway.address()
    );
    let docker = or_skip!(Docker::start_with(&mirror));
    docker.pull("team/app:1").expect_failure();
    let image = origin.image("team/app", "1");
    assert_eq!(origin.fetches_of(&image.layers[0]), 0);
    gateway.admit("docker.io", &image);
    docker.pull("team/app:1").expect_ok();
    assert_eq!(origin.fetches_of(&image.layers[0]), 1);
}
