//! Upstreams are strangers to each other, and free to change what they hold.

use crate::lab::{Gateway, Image, Origin, Setup, Site, or_skip, request};

#[test]
fn credentials_for_one_upstream_are_none_for_another_with_the_same_bytes() {
    let site = or_skip!(Site::open());
    let image = site.image("team/app");
    site.admit(&image);
    assert_eq!(manifest(&site.gateway, "development", &image), 200);
    assert_eq!(manifest(&site.gateway, "production", &image), 403);
    let blob = format!(
        "/v2/production/{}/blobs/{}",
        image.repository, image.layers[0]
    );
    assert_eq!(site.gateway.get(&blob).status, 403);
    assert_eq!(site.production.fetches_of(&image.layers[0]), 0);
}

#[test]
fn what_an_upstream_deletes_stays_admitted() {
    let folder = tempfile::tempdir().unwrap();
    let origin = or_skip!(Origin::on_copy(folder.path()));
    let gateway =
        Gateway::start(&Setup::new().upstream("development", origin.address(), origin.address()));
    let image = origin.image("team/app", "1");
    gateway.admit(origin.address(), &image);
    let blobs = || {
        image.layers.iter().map(|layer| {
            gateway
                .get(&format!("/v2/development/team/app/blobs/{layer}"))
                .status
        })
    };
    assert_eq!(manifest(&gateway, "development", &image), 200);
    assert!(blobs().all(|status| status == 200));
    let target = format!("/v2/team/app/manifests/{}", image.digest);
    assert_eq!(
        request(origin.address(), "DELETE", &target, &[])
            .unwrap()
            .status,
        202
    );
    assert_eq!(manifest(&gateway, "development", &image), 200);
    assert!(blobs().all(|status| status == 200));
}

#[test]
fn an_upstream_that_nobody_configured_is_not_reachable() {
    let site = or_skip!(Site::open());
    let stranger = or_skip!(Origin::start());
    let image = site.image("team/app");
    let manifest = format!("{}/manifests/{}", image.repository, image.tag);
    let asked = [
        format!("/v2/{manifest}?ns={}", stranger.address()),
        format!("/v2/{}/{manifest}", stranger.address()),
    ];
    for path in asked {
        let answer = site.gateway.get(&path);
        assert!(
            (400..500).contains(&answer.status),
            "{path}: {}",
            answer.text()
        );
    }
    assert!(stranger.requests().is_empty(), "{:?}", stranger.requests());
}

fn manifest(gateway: &Gateway, upstream: &str, image: &Image) -> u16 {
    gateway
        .get(&format!(
            "/v2/{upstream}/{}/manifests/{}",
            image.repository, image.digest
        ))
        .status
}
