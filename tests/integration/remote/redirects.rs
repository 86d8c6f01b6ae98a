//! Clients are led to the store: only after the permit, only to what was verified there.

use super::stage::{SOON, Stage, blob_path, pull, whole};
use crate::lab::{
    Answer, Containerd, Crane, Docker, Gateway, Image, Podman, Release, eventually, get, or_skip,
    request,
};

const KEYS: &str = "redirect = true\n";

/// Waits until the gateway leads to this blob.
fn led(gateway: &Gateway, image: &Image, digest: &str) -> Answer {
    eventually("a redirect", SOON, || {
        let answer = gateway.get(&blob_path(image, digest));
        (answer.status == 307).then_some(answer)
    })
}

/// What lies at the address of a redirect.
fn follow(answer: &Answer) -> Answer {
    let location = answer.header("location").unwrap();
    let rest = location.strip_prefix("http://").unwrap();
    let (address, path) = rest.split_once('/').unwrap();
    get(address, &format!("/{path}")).unwrap()
}

#[test]
fn leads_to_a_verified_blob_after_the_permit_and_to_nothing_else() {
    let stage = or_skip!(Stage::open());
    let gateway = stage.gateway(KEYS);
    let image = stage.origin.image("team/large", "1");
    let layer = &image.layers[1];
    let denied = gateway.get(&blob_path(&image, layer));
    assert_eq!(denied.status, 403, "{}", denied.text());
    stage.admitted(&gateway, "team/large");
    // While it is cold, and while it grows, it comes from here.
    pull(&gateway, &image);
    let answer = led(&gateway, &image, layer);
    assert_eq!(answer.header("docker-content-digest"), Some(&**layer));
    assert_eq!(answer.header("content-length"), Some("0"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    whole(&follow(&answer), layer);
    // Another repository of the same upstream has no permit for it.
    let elsewhere = format!("/v2/development/team/other/blobs/{layer}");
    assert_eq!(gateway.get(&elsewhere).status, 403);
    // HEAD and ranges are answered from here, and so are small blobs.
    let path = blob_path(&image, layer);
    let head = request(gateway.address(), "HEAD", &path, &[]).unwrap();
    assert_eq!(head.status, 200);
    for (range, status) in [
        ("bytes=10-19", 206),
        ("bytes=1-2,4-5", 200),
        ("lines=1", 200),
    ] {
        let part = request(gateway.address(), "GET", &path, &[("Range", range)]).unwrap();
        assert_eq!(part.status, status, "{range}");
    }
    whole(
        &gateway.get(&blob_path(&image, &image.config)),
        &image.config,
    );
    // A revocation ends it.
    let name = format!("{}/{}", stage.origin.address(), image.by_digest());
    let revoke = ["revoke", &name, "--reason", "a drill"];
    gateway.command(&revoke).expect_ok();
    assert_eq!(gateway.get(&path).status, 403);
}

#[test]
fn an_object_that_was_replaced_or_is_gone_leads_nobody_astray() {
    let stage = or_skip!(Stage::open());
    let gateway = stage.gateway(KEYS);
    let image = stage.admitted(&gateway, "team/large");
    pull(&gateway, &image);
    let [replaced, gone] = [1, 2].map(|at| image.layers[at].clone());
    for layer in [&replaced, &gone] {
        led(&gateway, &image, layer);
    }
    std::fs::remove_file(stage.s3.object(&gone)).unwrap();
    whole(&gateway.get(&blob_path(&image, &gone)), &gone);
    stage.s3.replace(&replaced);
    whole(&gateway.get(&blob_path(&image, &replaced)), &replaced);
}

#[test]
fn a_replica_leads_to_what_another_wrote_once_it_has_verified_it() {
    let stage = or_skip!(Stage::open());
    let first = stage.gateway(KEYS);
    let image = stage.admitted(&first, "team/large");
    pull(&first, &image);
    stage.holds(&image);
    let second = stage.gateway(KEYS);
    stage.admitted(&second, "team/large");
    let layer = &image.layers[1];
    // Nothing is known of it there yet.
    whole(&second.get(&blob_path(&image, layer)), layer);
    whole(&follow(&led(&second, &image, layer)), layer);
}

#[test]
fn every_client_follows() {
    let stage = or_skip!(Stage::open());
    let gateway = stage.gateway(KEYS);
    let image = stage.admitted(&gateway, "team/large");
    pull(&gateway, &image);
    for layer in &image.layers[1..] {
        led(&gateway, &image, layer);
    }
    let name = format!("{}/development/{}", gateway.address(), image.by_tag());
    let downloads = || stage.s3.answered("GET", "/blobs/", 200);
    let mut before = downloads();
    // One is enough: where the store does not answer in time, the gateway sends a layer itself.
    let mut followed = |client: &str| {
        eventually(client, SOON, || (downloads() > before).then_some(()));
        before = downloads();
    };
    for release in Release::ALL {
        let containerd = or_skip!(Containerd::start(release));
        containerd.pull(&name).expect_ok();
        followed("containerd");
    }
    or_skip!(Docker::start()).pull(&name).expect_ok();
    followed("docker");
    or_skip!(Podman::find()).pull(&name).expect_ok();
    followed("podman");
    or_skip!(Crane::find()).pull(&name).expect_ok();
    followed("crane");
}
