//! A node that joins while the gateway's ledger cannot be read or written.

use std::fs;
use std::time::Duration;

use super::cluster::pod;
use crate::lab::kubernetes::{ControlPlane, Node, Version};
use crate::lab::{Image, Missing, Origin, Site, or_skip};

const WITHIN: Duration = Duration::from_secs(60);

/// Production enforces; this image alone is a platform image.
fn site(image: &Image) -> Result<Site, Missing> {
    let platform = format!(
        "[[environments.production.platform_images]]\ndigest = \"{}\"\nreason = \"the sandbox\"\n",
        image.digest
    );
    Site::open_with(|setup| setup.tables(&platform))
}

/// As after a disk went bad: no page of it is what it was.
fn spoil_the_ledger(site: &Site) {
    for entry in fs::read_dir(site.gateway.data())
        .unwrap()
        .map(Result::unwrap)
    {
        let name = entry.file_name().into_string().unwrap();
        if name.starts_with("ledger.db") && !name.ends_with("-shm") {
            let length = usize::try_from(entry.metadata().unwrap().len()).unwrap();
            fs::write(entry.path(), vec![b'x'; length]).unwrap();
        }
    }
}

#[test]
fn a_fresh_node_joins_and_runs_platform_images_though_the_ledger_is_spoilt() {
    let control = or_skip!(ControlPlane::start(Version::V1_37));
    let image = or_skip!(Origin::start()).image("team/sleeper", "1");
    let site = or_skip!(site(&image));
    let other = site.image("team/app");
    spoil_the_ledger(&site);
    let report = crate::lab::trivy(&format!("{}/team/app", site.development.address()), &other);
    site.gateway
        .submit(&site.upstream_name(&other), &report)
        .expect_failure();

    let name = site.upstream_name(&image);
    let _node = or_skip!(Node::join_through(&control, &site.gateway, &name));
    let kubectl = control.kubectl();
    let bound = |name: &str, image: &str| {
        pod("default", name, image).replace("spec:\n", "spec:\n  nodeName: node1\n")
    };
    kubectl.applied(&bound("platform", &name));
    kubectl.described("default", "platform", "Container started", WITHIN);
    assert!(site.development.fetches_of(&image.layers[0]) > 0);

    kubectl.applied(&bound("other", &site.upstream_name(&other)));
    let described = kubectl.described("default", "other", "Failed to pull image", WITHIN);
    // By what memory knows, or since the ledger is known to hold something on it.
    let refused = ["403 sekisho: not-scanned", "503 sekisho: undecidable"];
    assert!(
        refused.iter().any(|answer| described.contains(answer)),
        "{described}"
    );
    assert_eq!(site.development.fetches_of(&other.layers[0]), 0);
}
