//! The pull part of the OCI distribution conformance suite, against a gateway that has
//! served nothing yet, and a set of images that are admitted.

use std::process::Command;

use crate::lab::{Outcome, Site, built, or_skip, outcome};

#[test]
fn the_pull_part_of_the_oci_suite_passes_on_an_admitted_image() {
    let suite = or_skip!(built("conformance", "conformance"));
    let site = or_skip!(Site::open());
    let image = site.image("team/app");
    site.admit(&image);
    let results = tempfile::tempdir().unwrap();
    let mut command = Command::new(suite);
    command
        .env("OCI_REGISTRY", site.gateway.address())
        .env("OCI_REPO1", "development/team/app");
    command
        .env("OCI_TLS", "disabled")
        .env("OCI_RESULTS_DIR", results.path())
        .current_dir(results.path());
    for switch in ["PUSH", "BLOBS_DELETE", "MANIFESTS_DELETE", "TAGS_DELETE"] {
        command.env(format!("OCI_API_{switch}"), "false");
    }
    let blobs = format!("{} {}", image.config, image.layers[0]);
    for (name, value) in [
        ("TAGS", &image.tag),
        ("MANIFESTS", &image.digest),
        ("BLOBS", &blobs),
        ("REFERRERS", &image.digest),
    ] {
        command.env(format!("OCI_RO_DATA_{name}"), value);
    }
    let report = outcome(&mut command);
    assert!(passes(&report) > 10, "{}", report.text());
    assert_eq!(failures(&report), Vec::<String>::new(), "{}", report.text());
}

/// The lines of the printed table are complete; the YAML after it is not.
fn failures(report: &Outcome) -> Vec<String> {
    let failed = report
        .stdout
        .lines()
        .filter_map(|line| line.trim().strip_suffix(": FAIL"));
    failed
        .filter(|test| test.contains('/'))
        .map(str::to_owned)
        .collect()
}

fn passes(report: &Outcome) -> usize {
    report
        .stdout
        .lines()
        .filter(|line| line.contains('/') && line.ends_with(": Pass"))
        .count()
}
