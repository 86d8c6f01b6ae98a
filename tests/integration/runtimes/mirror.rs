//! Nodes that name the upstream and go through the gateway, by the files that
//! `node-config` wrote: a denied image never reaches its origin by another way.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::lab::{Containerd, Podman, Release, Site, or_skip, run};

#[test]
fn containerd_1_6_never_goes_round_its_mirror() {
    through_the_mirror(Release::Debian, "containerd/1.6");
}

#[test]
fn containerd_1_7_never_goes_round_its_mirror() {
    through_the_mirror(Release::V1_7, "containerd/1.7");
}

#[test]
fn containerd_2_4_never_goes_round_its_mirror() {
    through_the_mirror(Release::V2_4, "containerd/2.4");
}

fn through_the_mirror(release: Release, agent: &str) {
    let containerd = or_skip!(Containerd::start(release));
    let site = or_skip!(Site::open());
    let hosts = hosts_for(&site);
    let image = site.image("team/app");
    let name = format!("{}/{}", site.development.address(), image.by_tag());
    let denied = containerd
        .pull_with_hosts(hosts.path(), &name)
        .expect_failure();
    assert!(denied.contains("sekisho: not-scanned"), "{denied}");
    site.admit(&image);
    containerd.pull_with_hosts(hosts.path(), &name).expect_ok();
    assert_eq!(site.development.fetches_of(&image.layers[0]), 1);

    let unseen = site.image("team/other");
    for name in [
        unseen.by_tag(),
        unseen.by_digest(),
        "team/nothing:1".to_owned(),
    ] {
        let name = format!("{}/{name}", site.development.address());
        containerd
            .pull_with_hosts(hosts.path(), &name)
            .expect_failure();
    }
    assert!(
        site.development.requests_by(agent).is_empty(),
        "{:#?}",
        site.development.requests_by(agent)
    );
}

#[test]
fn a_gateway_that_is_down_opens_no_bypass() {
    let mut site = or_skip!(Site::open());
    let hosts = hosts_for(&site);
    let name = format!("{}/team/app:1", site.development.address());
    site.gateway.kill();
    for release in Release::ALL {
        let containerd = or_skip!(Containerd::start(release));
        containerd
            .pull_with_hosts(hosts.path(), &name)
            .expect_failure();
    }
    assert!(
        site.development.requests_by("containerd/").is_empty(),
        "{:#?}",
        site.development.requests()
    );
}

#[test]
fn a_leftover_directory_of_a_registry_is_closed_too() {
    let site = or_skip!(Site::open());
    let hosts = tempfile::tempdir().unwrap();
    let leftover = hosts.path().join(site.development.address());
    fs::create_dir(&leftover).unwrap();
    fs::write(leftover.join("ca.crt"), "").unwrap();
    write_hosts(&site, hosts.path());
    let name = format!("{}/team/app:1", site.development.address());
    for release in Release::ALL {
        let containerd = or_skip!(Containerd::start(release));
        let denied = containerd
            .pull_with_hosts(hosts.path(), &name)
            .expect_failure();
        assert!(
            denied.contains("sekisho: not-scanned"),
            "{release:?}: {denied}"
        );
    }
    assert!(
        site.development.requests_by("containerd/").is_empty(),
        "{:#?}",
        site.development.requests()
    );
}

fn hosts_for(site: &Site) -> TempDir {
    let hosts = tempfile::tempdir().unwrap();
    write_hosts(site, hosts.path());
    hosts
}

fn write_hosts(site: &Site, folder: &Path) {
    let gateway = format!("http://{}", site.gateway.address());
    run(&[
        "node-config",
        "containerd",
        "--gateway",
        &gateway,
        "--output",
        folder.to_str().unwrap(),
    ])
    .expect_ok();
}

#[test]
fn podman_never_goes_round_its_mirror() {
    let podman = or_skip!(Podman::find());
    let site = or_skip!(Site::open());
    let folder = tempfile::tempdir().unwrap();
    let gateway = format!("http://{}", site.gateway.address());
    let registry = format!("{}=development", site.development.address());
    let output = folder.path().to_str().unwrap();
    let written = run(&[
        "node-config",
        "podman",
        "--gateway",
        &gateway,
        "--registry",
        &registry,
        "--output",
        output,
    ])
    .expect_ok();
    let conf = Path::new(written.trim());
    let image = site.image("team/app");
    let name = format!("{}/{}", site.development.address(), image.by_tag());
    let denied = podman.pull_with(conf, &name).expect_failure();
    assert!(denied.contains("sekisho: not-scanned"), "{denied}");
    site.admit(&image);
    podman.pull_with(conf, &name).expect_ok();
    assert!(
        site.development.requests_by("containers/").is_empty(),
        "{:#?}",
        site.development.requests()
    );
}
