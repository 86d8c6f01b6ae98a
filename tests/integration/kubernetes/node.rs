//! A node whose pulls go through the gateway, and what kubelet makes of its answers.

use std::time::Duration;

use super::cluster::Cluster;
use crate::lab::or_skip;

const WITHIN: Duration = Duration::from_secs(60);

#[test]
fn a_pod_runs_an_image_that_the_gateway_admitted() {
    let cluster = or_skip!(Cluster::shared());
    let image = cluster.site.image("team/sleeper");
    cluster.site.admit(&image);
    let kubectl = cluster.kubectl();
    kubectl.applied(&cluster.pod("default", "admitted", &image));
    let pod = kubectl.wait(&["pod", "admitted"], WITHIN, |pod| {
        pod["status"]["phase"] == "Running"
    });
    let running = pod["status"]["containerStatuses"][0]["imageID"].to_string();
    assert!(running.contains(&image.digest), "{running}");
    assert!(
        cluster
            .node
            .images()
            .contains(&cluster.site.at_gateway(&image))
    );
    assert!(cluster.node.tasks().contains("RUNNING"));
}

#[test]
fn describe_pod_says_why_an_image_is_denied() {
    let cluster = or_skip!(Cluster::shared());
    let kubectl = cluster.kubectl();
    let image = cluster.site.image("team/other");
    kubectl.applied(&cluster.pod("default", "denied", &image));
    let described = kubectl.described("default", "denied", "Failed to pull image", WITHIN);
    assert!(described.contains("not-scanned"), "{described}");
    assert_eq!(cluster.site.development.fetches_of(&image.layers[0]), 0);
}
