//! The store is stopped, slow, full, wrong, or refuses us: what is admitted goes on, and
//! nothing wrong is served.

use std::fs;
use std::time::Duration;

use super::stage::{SOON, Stage, blob_path, problem, pull, requests, whole};
use crate::lab::{S3Server, SECRET_KEY, SlowLink, Valve, Wire, eventually, get, or_skip};

#[test]
fn a_store_that_stops_is_not_missed_and_gets_later_what_it_lacks() {
    let mut stage = or_skip!(Stage::open());
    let gateway = stage.gateway("");
    let image = stage.admitted(&gateway, "team/app");
    let large = stage.admitted(&gateway, "team/large");
    pull(&gateway, &image);
    stage.holds(&image);
    stage.s3.stop();
    pull(&gateway, &image);
    pull(&gateway, &large);
    assert_eq!(stage.fetches(&large), large.layers.len());
    let told = eventually("the word of it", SOON, || problem(&gateway));
    assert!(told.contains("is not"), "{told}");
    let status = gateway.command(&["status"]).expect_ok();
    assert!(
        status.contains("remote tier: s3://content/sekisho, "),
        "{status}"
    );
    assert!(!stage.s3.object(&large.layers[0]).exists());
    stage.s3.restart();
    stage.holds(&large);
    eventually("health", SOON, || problem(&gateway).is_none().then_some(()));
}

#[test]
fn a_silent_store_costs_its_bound_and_then_nothing() {
    let stage = or_skip!(Stage::open());
    let first = stage.gateway("");
    let image = stage.admitted(&first, "team/large");
    pull(&first, &image);
    stage.holds(&image);
    let valve = Valve::start(stage.s3.address());
    let second = stage.gateway_by(valve.address(), "");
    let keys = fs::read_to_string(second.config()).unwrap();
    fs::write(second.config(), keys.replace("\"5s\"", "\"100ms\"")).unwrap();
    let mut second = second;
    second.restart();
    stage.admitted(&second, "team/large");
    valve.shut();
    pull(&second, &image);
    assert_eq!(stage.fetches(&image), 2 * image.layers.len());
    assert!(requests(&second, "open", "slow") >= 1.0);
    assert!(requests(&second, "open", "slow") <= 3.0);
    valve.open();
    eventually("health", SOON, || problem(&second).is_none().then_some(()));
}

#[test]
fn a_store_that_stalls_in_the_middle_is_left_and_the_upstream_goes_on_from_there() {
    let stage = or_skip!(Stage::open());
    let first = stage.gateway("");
    let image = stage.admitted(&first, "team/large");
    pull(&first, &image);
    stage.holds(&image);
    let valve = Valve::start(stage.s3.address());
    let second = stage.gateway_by(valve.address(), "");
    stage.admitted(&second, "team/large");
    let layer = &image.layers[1];
    valve.allow(5 << 20);
    let fetched = stage.origin.fetches_of(layer);
    whole(&second.get(&blob_path(&image, layer)), layer);
    assert_eq!(stage.origin.fetches_of(layer), fetched + 1);
    assert!(second.metric("sekisho_remote_bytes_total", "direction=\"read\"") > 4e6);
    valve.open();
}

#[test]
fn a_store_that_trickles_is_left_as_well() {
    let stage = or_skip!(Stage::open());
    let first = stage.gateway("");
    let image = stage.admitted(&first, "team/large");
    pull(&first, &image);
    stage.holds(&image);
    let wire = Wire {
        bytes_per_second: 64 << 10,
        latency: Duration::ZERO,
    };
    let link = SlowLink::start(stage.s3.address(), wire);
    let second = stage.gateway_by(link.address(), "");
    stage.admitted(&second, "team/large");
    let layer = &image.layers[1];
    let fetched = stage.origin.fetches_of(layer);
    whole(&second.get(&blob_path(&image, layer)), layer);
    assert_eq!(stage.origin.fetches_of(layer), fetched + 1);
    let read = second.metric("sekisho_remote_bytes_total", "direction=\"read\"");
    assert!(read < 8e6, "of 16 MiB: {read}");
}

#[test]
fn a_full_store_is_still_read_and_the_pulls_go_on() {
    let server = or_skip!(S3Server::on_small_disk());
    let stage = or_skip!(Stage::over(server));
    let gateway = stage.gateway("");
    let large = stage.admitted(&gateway, "team/large");
    let app = stage.admitted(&gateway, "team/app");
    pull(&gateway, &app);
    eventually("the upload", SOON, || {
        (requests(&gateway, "write", "ok") >= 2.0).then_some(())
    });
    // Four layers of 16 MiB on a disk of 24.
    pull(&gateway, &large);
    let told = eventually("the word of it", SOON, || problem(&gateway));
    assert!(told.contains("is not written"), "{told}");
    assert!(!told.contains("is not read"), "{told}");
    let second = stage.gateway("");
    stage.admitted(&second, "team/app");
    let fetched = stage.fetches(&app);
    pull(&second, &app);
    assert_eq!(stage.fetches(&app), fetched);
}

#[test]
fn wrong_and_truncated_objects_are_never_served_whole_and_are_written_anew() {
    let stage = or_skip!(Stage::open());
    let first = stage.gateway("");
    let image = stage.admitted(&first, "team/large");
    pull(&first, &image);
    stage.holds(&image);
    let [small, wrong, short] = [0, 1, 2].map(|at| image.layers[at].clone());
    for layer in [&small, &wrong] {
        let mut bytes = fs::read(stage.s3.object(layer)).unwrap();
        bytes[20] ^= 1;
        fs::write(stage.s3.object(layer), bytes).unwrap();
    }
    let object = fs::File::options()
        .write(true)
        .open(stage.s3.object(&short));
    object.unwrap().set_len(1 << 20).unwrap();
    let second = stage.gateway("");
    stage.admitted(&second, "team/large");
    // Up to 4 MiB nothing is seen of it; of the large one the end does not come.
    whole(&second.get(&blob_path(&image, &small)), &small);
    let first_try = get(second.address(), &blob_path(&image, &wrong));
    assert!(first_try.is_none(), "it was sent to its end");
    whole(&second.get(&blob_path(&image, &wrong)), &wrong);
    whole(&second.get(&blob_path(&image, &short)), &short);
    assert!(requests(&second, "open", "wrong") >= 3.0);
    for layer in [&small, &wrong, &short] {
        eventually("the right object", SOON, || {
            let bytes = fs::read(stage.s3.object(layer)).ok()?;
            (crate::lab::digest_of(&bytes) == *layer).then_some(())
        });
    }
}

#[test]
fn refused_credentials_are_told_and_a_mended_file_is_taken() {
    let stage = or_skip!(Stage::open());
    stage.write_credentials("not-the-secret");
    let gateway = stage.gateway("");
    let image = stage.admitted(&gateway, "team/app");
    let told = eventually("the word of it", SOON, || problem(&gateway));
    assert!(told.contains("refuses our credentials"), "{told}");
    assert!(!told.contains("not-the-secret"), "{told}");
    pull(&gateway, &image);
    stage.write_credentials(SECRET_KEY);
    eventually("health", SOON, || problem(&gateway).is_none().then_some(()));
    stage.holds(&image);
    // One that cannot be read changes nothing.
    fs::write(stage.credentials(), "nonsense").unwrap();
    let told = eventually("the word of it", SOON, || {
        let status = gateway.command(&["status"]).expect_ok();
        status.contains("the last good ones hold").then_some(status)
    });
    assert!(!told.contains("nonsense"), "{told}");
    assert_eq!(problem(&gateway), None);
}
