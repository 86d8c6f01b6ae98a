//! Each client pulls by a name that holds the gateway's address: it prints why
//! it may not, twice, and gets the image once its evidence is complete.

use crate::lab::{Containerd, Crane, Docker, Image, Outcome, Podman, Release, Site, or_skip};

#[test]
fn containerd_1_6_prints_each_denial_and_pulls_what_is_admitted() {
    let containerd = or_skip!(Containerd::start(Release::Debian));
    tell_the_story(&or_skip!(Site::open()), "team/app", |image| {
        containerd.pull(image)
    });
}

#[test]
fn containerd_1_7_prints_each_denial_and_pulls_what_is_admitted() {
    let containerd = or_skip!(Containerd::start(Release::V1_7));
    tell_the_story(&or_skip!(Site::open()), "team/app", |image| {
        containerd.pull(image)
    });
}

#[test]
fn containerd_2_4_prints_each_denial_and_pulls_what_is_admitted() {
    let containerd = or_skip!(Containerd::start(Release::V2_4));
    tell_the_story(&or_skip!(Site::open()), "team/app", |image| {
        containerd.pull(image)
    });
}

#[test]
fn every_containerd_pulls_its_platform_of_an_admitted_index() {
    let site = or_skip!(Site::open());
    site.admit(&site.image("team/multi"));
    for release in Release::ALL {
        let containerd = or_skip!(Containerd::start(release));
        containerd
            .pull(&site.at_gateway(&site.image("team/multi")))
            .expect_ok();
        assert!(containerd.images().contains("team/multi:1"), "{release:?}");
    }
}

#[test]
fn docker_prints_each_denial_and_runs_what_is_admitted() {
    let docker = or_skip!(Docker::start());
    let site = or_skip!(Site::open());
    tell_the_story(&site, "team/multi", |image| docker.pull(image));
    let name = site.at_gateway(&site.image("team/multi"));
    let said = docker
        .run(&["run", "--rm", "--network", "none", &name])
        .expect_ok();
    assert_eq!(said, "I am multi\n");
}

#[test]
fn podman_prints_each_denial_and_pulls_what_is_admitted() {
    let podman = or_skip!(Podman::find());
    let site = or_skip!(Site::open());
    tell_the_story(&site, "team/multi", |image| podman.pull(image));
    assert!(podman.images().contains("team/multi"));
}

#[test]
fn skopeo_prints_each_denial_and_copies_what_is_admitted() {
    let podman = or_skip!(Podman::find());
    tell_the_story(&or_skip!(Site::open()), "team/app", |image| {
        podman.skopeo_copy(image)
    });
}

#[test]
fn crane_prints_each_denial_and_pulls_what_is_admitted() {
    let crane = or_skip!(Crane::find());
    tell_the_story(&or_skip!(Site::open()), "team/multi", |image| {
        crane.pull(image)
    });
}

/// Unscanned, then scanned but not promoted, then both; and the origin's layers
/// are not touched before that, and fetched once after.
fn tell_the_story(site: &Site, repository: &str, pull: impl Fn(&str) -> Outcome) {
    let image = site.image(repository);
    let name = site.at_gateway(&image);
    assert_says(&pull(&name), "not-scanned");
    site.scan(&image);
    assert_says(&pull(&name), "not-promoted");
    assert_eq!(
        fetches(site, &image),
        0,
        "layers of a denied image were fetched"
    );
    site.promote(&image);
    pull(&name).expect_ok();
    assert_eq!(fetches(site, &image), image.layers.len());
}

#[track_caller]
fn assert_says(outcome: &Outcome, reason: &str) {
    let text = outcome.text();
    assert!(!outcome.ok(), "pulled, though it had to be denied:\n{text}");
    assert!(
        text.contains(&format!("sekisho: {reason}")),
        "the client prints no {reason}:\n{text}"
    );
}

fn fetches(site: &Site, image: &Image) -> usize {
    image
        .layers
        .iter()
        .map(|layer| site.development.fetches_of(layer))
        .sum()
}
