//! A deployment: a hundred nodes ask for the same new image at the same moment.

use std::thread;
use std::time::Duration;

use crate::lab::{
    Gateway, Image, Origin, Setup, Site, SlowLink, Wire, digest_of, eventually, or_skip,
};

const NODES: usize = 100;
/// Slow enough that the last node arrives long before an answer has.
const WIRE: Wire = Wire {
    bytes_per_second: 512 << 10,
    latency: Duration::from_millis(500),
};

#[test]
fn a_herd_of_cold_pulls_asks_the_upstream_once_for_each_thing() {
    let origin = or_skip!(Origin::start());
    let link = SlowLink::start(origin.address(), WIRE);
    let gateway =
        Gateway::start(&Setup::new().upstream("development", origin.address(), link.address()));
    let image = origin.image("team/app", "1");
    gateway.admit(origin.address(), &image);
    let before = origin.requests().len();
    thread::scope(|herd| {
        for _ in 0..NODES {
            herd.spawn(|| pull_all(&gateway, &image));
        }
    });
    let requests = origin.requests().split_off(before);
    let mut paths: Vec<_> = requests.iter().map(|request| &request.path).collect();
    paths.sort();
    let asked = paths.len();
    paths.dedup();
    assert_eq!(
        asked,
        paths.len(),
        "something was asked for twice: {requests:#?}"
    );
    assert_eq!(origin.fetches_of(&image.layers[0]), 1);
}

fn pull_all(gateway: &Gateway, image: &Image) {
    let base = format!("/v2/development/{}", image.repository);
    let manifest = gateway.get(&format!("{base}/manifests/{}", image.tag));
    assert_eq!(manifest.status, 200, "{}", manifest.text());
    for digest in image.layers.iter().chain([&image.config]) {
        let blob = gateway.get(&format!("{base}/blobs/{digest}"));
        assert_eq!(blob.status, 200, "{}", blob.text());
        assert_eq!(digest_of(&blob.body), *digest);
    }
}

#[test]
fn a_herd_of_denied_pulls_costs_the_upstream_no_layer() {
    let site = or_skip!(Site::open());
    let image = site.image("team/app");
    thread::scope(|herd| {
        for _ in 0..NODES {
            herd.spawn(|| {
                let base = format!("/v2/development/{}", image.repository);
                let manifest = site.gateway.get(&format!("{base}/manifests/{}", image.tag));
                assert_eq!(
                    (
                        manifest.status,
                        manifest.json()["errors"][0]["code"].as_str()
                    ),
                    (403, Some("DENIED"))
                );
                assert_eq!(
                    site.gateway
                        .get(&format!("{base}/blobs/{}", image.layers[0]))
                        .status,
                    403
                );
            });
        }
    });
    // Nothing is left running that might ask later.
    eventually("the gateway's rest", Duration::from_secs(5), || {
        (site.gateway.metric("sekisho_fill_waiters", "") == 0.0).then_some(())
    });
    assert_eq!(site.development.fetches_of(&image.layers[0]), 0);
}
