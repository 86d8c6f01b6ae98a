//! What one replica fetched, the others need not.

use super::stage::{SOON, Stage, blob_path, pull, requests, whole};
use crate::lab::{eventually, or_skip};

#[test]
fn the_second_gateway_pulls_every_layer_with_no_request_to_the_upstream() {
    let stage = or_skip!(Stage::open());
    let first = stage.gateway("");
    let image = stage.admitted(&first, "team/large");
    pull(&first, &image);
    stage.holds(&image);
    assert_eq!(stage.fetches(&image), image.layers.len());
    let second = stage.gateway("");
    stage.admitted(&second, "team/large");
    pull(&second, &image);
    assert_eq!(stage.fetches(&image), image.layers.len());
    assert!(second.metric("sekisho_remote_bytes_total", "direction=\"read\"") > 60e6);
    assert!(second.metric("sekisho_pull_ttfb_seconds_count", "source=\"remote\"") >= 5.0);
}

#[test]
fn what_is_not_admitted_is_not_read_from_there() {
    let stage = or_skip!(Stage::open());
    let first = stage.gateway("");
    let image = stage.admitted(&first, "team/app");
    pull(&first, &image);
    stage.holds(&image);
    let second = stage.gateway("");
    for layer in &image.layers {
        let denied = second.get(&blob_path(&image, layer));
        assert_eq!(denied.status, 403, "{}", denied.text());
    }
    for result in ["ok", "absent"] {
        assert_eq!(requests(&second, "open", result), 0.0);
    }
}

#[test]
fn a_gateway_that_lost_its_disk_and_its_upstream_serves_what_it_shared() {
    let mut stage = or_skip!(Stage::open());
    let mut gateway = stage.gateway("");
    let image = stage.admitted(&gateway, "team/large");
    pull(&gateway, &image);
    stage.holds(&image);
    gateway.kill();
    std::fs::remove_dir_all(gateway.cache()).unwrap();
    gateway.crash_and_restart();
    stage.origin.stop();
    for layer in &image.layers {
        whole(&gateway.get(&blob_path(&image, layer)), layer);
    }
    let manifest = gateway.get(&format!(
        "/v2/development/{}/manifests/{}",
        image.repository, image.digest
    ));
    assert_eq!(manifest.status, 200, "{}", manifest.text());
}

#[test]
fn a_hot_pull_asks_the_store_nothing() {
    let stage = or_skip!(Stage::open());
    let gateway = stage.gateway("");
    let image = stage.admitted(&gateway, "team/app");
    pull(&gateway, &image);
    stage.holds(&image);
    eventually("the queue's end", SOON, || {
        (gateway.metric("sekisho_remote_waiting", "") == 0.0).then_some(())
    });
    let asked = || requests(&gateway, "open", "");
    let before = asked();
    for _ in 0..50 {
        pull(&gateway, &image);
    }
    assert_eq!(asked(), before);
}
