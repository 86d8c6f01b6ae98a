//! A real server that does everything otherwise, and is pulled from all the same.

use crate::lab::{Gateway, Origin, Podman, Setup, StaticRegistry, or_skip};

#[test]
fn pulls_from_a_registry_of_compressed_files_that_redirects_and_knows_no_head() {
    let open = or_skip!(Origin::start());
    let image = open.image("team/app", "1");
    let registry = or_skip!(StaticRegistry::start(&open, &image));
    let url = format!("http://{}", registry.address());
    let listed = format!("redirect_hosts = [\"{}\"]", registry.files());
    let setup = Setup::new().upstream_with("files", registry.address(), &url, &listed);
    let gateway = Gateway::start(&setup);
    gateway.admit(registry.address(), &image);
    let podman = or_skip!(Podman::find());
    let name = format!("{}/files/{}", gateway.address(), image.by_tag());
    podman.skopeo_copy(&name).expect_ok();
    let log = registry.log();
    assert!(log.contains("\" 405 "), "it was asked by HEAD once: {log}");
    assert!(log.contains("/manifests/"), "{log}");
}

#[test]
fn an_unlisted_host_is_refused_by_name() {
    let open = or_skip!(Origin::start());
    let image = open.image("team/app", "1");
    let registry = or_skip!(StaticRegistry::start(&open, &image));
    let url = format!("http://{}", registry.address());
    let setup = Setup::new().upstream_with("files", registry.address(), &url, "");
    let gateway = Gateway::start(&setup);
    let path = format!("/v2/files/{}/manifests/{}", image.repository, image.tag);
    let answer = gateway.get(&path);
    assert_ne!(answer.status, 200, "{}", answer.text());
    assert_eq!(registry.log(), "", "nothing arrived there");
}
