//! An upstream whose API lies below a path, as those of Artifactory and Nexus do.

use crate::lab::{Gateway, Origin, Podman, Setup, or_skip};

#[test]
fn pulls_from_an_upstream_below_a_path() {
    let open = or_skip!(Origin::start());
    let origin = or_skip!(Origin::start_below("/repository/docker/"));
    let url = format!("http://{}/repository/docker", origin.address());
    let setup = Setup::new().upstream_with("below", origin.address(), &url, "");
    let gateway = Gateway::start(&setup);
    let image = open.image("team/app", "1");
    gateway.admit(origin.address(), &image);
    let podman = or_skip!(Podman::find());
    let name = format!("{}/below/{}", gateway.address(), image.by_tag());
    podman.skopeo_copy(&name).expect_ok();
    let asked = origin.requests_by("sekisho/");
    assert!(!asked.is_empty());
    let below = |path: &str| path.starts_with("/repository/docker/v2/");
    assert!(asked.iter().all(|it| below(&it.path)), "{asked:?}");
}
