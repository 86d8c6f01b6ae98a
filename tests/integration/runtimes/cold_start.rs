//! What is admitted and cached outlives its upstream.

use crate::lab::{Containerd, Release, Site, or_skip};

#[test]
fn serves_what_is_cached_while_the_upstream_is_down_also_after_a_restart() {
    let containerd = or_skip!(Containerd::start(Release::V2_4));
    let mut site = or_skip!(Site::open());
    let image = site.image("team/app");
    site.admit(&image);
    let name = site.at_gateway(&image);
    containerd.pull(&name).expect_ok();
    site.development.stop();
    site.gateway.restart();
    containerd
        .ctr(&["image", "rm", "--sync", &name])
        .expect_ok();
    let by_digest = format!(
        "{}/development/{}",
        site.gateway.address(),
        image.by_digest()
    );
    containerd.pull(&by_digest).expect_ok();
}
