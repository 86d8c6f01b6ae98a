//! The program's own image passes the policy that it comes with: it is listed, scanned, handed
//! in, promoted and pulled as any other.
//!
//! The scanner is the real Trivy, its database one of these tests: what the world knows of the
//! crates `cargo audit` and `cargo deny` say in a release (docs/release.md).

use std::fs;
use std::process::Command;

use serde_json::Value;

use super::own_image::{OwnImage, ROOT};
use crate::lab::{Crane, Gateway, Image, Origin, Setup, Trivy, installed, or_skip, outcome};

const REPOSITORY: &str = "platform/sekisho";

/// The bill of materials of the image.
fn bill(named: &str, id: &str) -> String {
    let mut command = Command::new(format!("{ROOT}/docker/sbom"));
    command.args(["--image", named, id]);
    command.env("CARGO_NET_OFFLINE", "true");
    outcome(&mut command).expect_ok()
}

/// The configuration that the program comes with leaves each key of production at its default.
fn as_delivered(registry: &str) -> Setup {
    let setup = Setup::new().environment("platforms = [\"linux/amd64\"]\n");
    setup.upstream("own", registry, registry)
}

#[test]
fn the_programs_own_image_passes_its_policy() {
    or_skip!(installed("jq"));
    let (crane, trivy) = (or_skip!(Crane::find()), or_skip!(Trivy::find()));
    let own = or_skip!(OwnImage::build());
    let storage = own.folder().join("registry");
    fs::create_dir(&storage).unwrap();
    let origin = or_skip!(Origin::on_storage(&storage));
    own.push(origin.address(), REPOSITORY);
    let image = Image::read(origin.address(), REPOSITORY, "1");
    let gateway = Gateway::start(&as_delivered(origin.address()));
    let named = format!("{}/{}", origin.address(), image.by_digest());
    let pulled = format!("{}/own/{}", gateway.address(), image.by_tag());

    let denied = crane.pull(&pulled).expect_failure();
    assert!(denied.contains("sekisho: not-scanned"), "{denied}");
    let report = trivy.scan(&named);
    gateway
        .submit_dated(&named, &report, &trivy.version())
        .expect_ok();
    // What is compiled in, of which no scanner knows by the file alone.
    let manifest = crane.run(&["manifest", &named]).expect_ok();
    let manifest: Value = serde_json::from_str(&manifest).unwrap();
    let bill = bill(&named, manifest["config"]["digest"].as_str().unwrap());
    let report = trivy.scan_bill(&bill);
    gateway
        .submit_dated(&named, &report, &trivy.version())
        .expect_ok();

    let denied = crane.pull(&pulled).expect_failure();
    assert!(denied.contains("sekisho: not-promoted"), "{denied}");
    gateway
        .command(&["promote", &named, "--to", "production"])
        .expect_ok();
    crane.pull(&pulled).expect_ok();
    let digest = crane.run(&["digest", &pulled]).expect_ok();
    assert_eq!(digest.trim(), image.digest);
    let holders = gateway
        .command(&["images", "--package", "tokio"])
        .expect_ok();
    assert!(holders.contains(REPOSITORY), "{holders}");
}
