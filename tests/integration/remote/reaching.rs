//! How the store is reached, what a killed gateway leaves there, and what is pruned.

use std::fs;
use std::process::Command;
use std::time::Duration;

use super::stage::{SOON, Stage, blob_path, problem, pull, whole};
use crate::lab::{
    ACCESS_KEY, Authority, Part, S3Server, SECRET_KEY, digest_of, eventually, or_skip,
};

const DAY: Duration = Duration::from_secs(24 * 3600);

#[test]
fn a_store_with_a_certificate_of_its_own_authority_is_trusted_only_where_that_is_named() {
    let authority = Authority::create();
    let (certificate, key) = authority.leaf("127.0.0.1");
    let server = or_skip!(S3Server::start_tls(&certificate, &key));
    let stage = or_skip!(Stage::over(server));
    let endpoint = format!("https://{}", stage.s3.address());
    let credentials = format!(
        "remote_credentials = \"{}\"\n",
        stage.credentials().display()
    );
    let stranger = stage.gateway_with(&endpoint, &credentials);
    let told = eventually("the word of it", SOON, || problem(&stranger));
    assert!(told.contains("is not read"), "{told}");
    let ca = format!("remote_ca = \"{}\"\n", authority.certificate().display());
    let gateway = stage.gateway_with(&endpoint, &(credentials + &ca));
    let image = stage.admitted(&gateway, "team/app");
    pull(&gateway, &image);
    stage.holds(&image);
    assert_eq!(problem(&gateway), None);
}

#[test]
fn credentials_of_the_environment_are_taken_without_a_file() {
    let stage = or_skip!(Stage::open());
    let endpoint = format!("http://{}", stage.s3.address());
    let mut gateway = stage.gateway_with(&endpoint, "");
    gateway.kill();
    let mut command = Command::new(env!("CARGO_BIN_EXE_sekisho"));
    command
        .args(["serve", "--config"])
        .arg(gateway.config())
        .env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
        .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY);
    let mut program = Part::start("sekisho", &command, &gateway.folder().join("log-env"));
    program.ready(|| crate::lab::get(gateway.address(), "/v2/"));
    let image = stage.admitted(&gateway, "team/app");
    pull(&gateway, &image);
    stage.holds(&image);
    assert_eq!(problem(&gateway), None);
}

#[test]
fn a_gateway_that_is_killed_leaves_only_whole_objects_and_offers_the_rest_again() {
    let stage = or_skip!(Stage::open());
    let mut gateway = stage.gateway("");
    let image = stage.admitted(&gateway, "team/large");
    for layer in &image.layers {
        whole(&gateway.get(&blob_path(&image, layer)), layer);
        gateway.crash_and_restart();
        for layer in &image.layers {
            if let Ok(object) = fs::read(stage.s3.object(layer)) {
                assert_eq!(digest_of(&object), *layer);
            }
        }
    }
    pull(&gateway, &image);
    stage.holds(&image);
}

#[test]
fn what_was_not_pulled_for_long_is_pruned_and_what_was_pulled_stays() {
    let stage = or_skip!(Stage::open());
    let mut first = stage.gateway("");
    let old = stage.admitted(&first, "team/app");
    pull(&first, &old);
    stage.holds(&old);
    first.kill();
    stage.s3.age(10 * DAY);
    let young = {
        let second = stage.gateway("");
        let young = stage.admitted(&second, "team/other");
        pull(&second, &young);
        stage.holds(&young);
        young
    };
    let shared = |layer: &&String| old.layers.contains(layer);
    let kept: Vec<&String> = young.layers.iter().filter(|it| !shared(it)).collect();
    let _pruning = stage.gateway("remote_max_age = \"2d\"\n");
    let gone = stage.s3.object(&old.config);
    let only_old = old.layers.iter().find(|it| !young.layers.contains(it));
    let gone = only_old.map_or(gone, |layer| stage.s3.object(layer));
    eventually("the pruning", SOON, || (!gone.exists()).then_some(()));
    for layer in kept {
        assert!(stage.s3.object(layer).exists());
    }
}
