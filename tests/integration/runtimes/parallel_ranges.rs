//! A node that fetches each layer in several ranges at once, as containerd does from 2.1 on
//! where it is told to, of what the gateway does not have yet.

use std::path::Path;
use std::time::Duration;

use crate::lab::{Containerd, Gateway, Image, Origin, Release, Setup, SlowLink, Wire, or_skip};

/// Two seconds for a layer of 16 MiB, by one connection.
const WIRE: Wire = Wire {
    bytes_per_second: 8 << 20,
    latency: Duration::ZERO,
};
/// For heads of answers, manifests and configs.
const BESIDE_LAYERS: u64 = 1 << 20;

#[test]
fn ranges_that_run_ahead_of_a_fill_fetch_no_byte_twice() {
    let containerd = or_skip!(Containerd::start_with(Release::V2_4, configuration));
    let origin = or_skip!(Origin::start());
    let link = SlowLink::start(origin.address(), WIRE);
    let gateway =
        Gateway::start(&Setup::new().upstream("development", origin.address(), link.address()));
    let image = origin.image("team/large", "1");
    gateway.admit(origin.address(), &image);
    let before = link.carried();

    let name = format!("{}/development/{}", gateway.address(), image.by_tag());
    containerd.pull(&name).expect_ok();

    let parts = gateway.log().matches("\"http.status\":206").count();
    assert!(
        parts > 2 * image.layers.len(),
        "{parts} ranges: it did not ask for parts"
    );
    let fetched = link.carried() - before;
    let layers: u64 = image
        .layers
        .iter()
        .map(|it| length(&gateway, &image, it))
        .sum();
    assert!(fetched >= layers, "{fetched} bytes of {layers}");
    assert!(
        fetched < layers + BESIDE_LAYERS,
        "{fetched} bytes of {layers}"
    );
}

fn length(gateway: &Gateway, image: &Image, layer: &str) -> u64 {
    let path = format!("/v2/development/{}/blobs/{layer}", image.repository);
    gateway.get(&path).body.len() as u64
}

/// One that only pulls and unpacks, each layer by four connections of 1 MiB each.
fn configuration(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "version = 3\nroot = \"{folder}/root\"\nstate = \"{folder}/state\"\n\
         disabled_plugins = [\"io.containerd.cri.v1.images\", \"io.containerd.cri.v1.runtime\"]\n\
         [grpc]\naddress = \"{folder}/socket\"\n\
         [plugins.\"io.containerd.transfer.v1.local\"]\n\
         max_concurrent_downloads = 4\nconcurrent_layer_fetch_buffer = 1048576\n"
    )
}
