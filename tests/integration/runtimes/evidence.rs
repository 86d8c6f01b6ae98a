//! What a report says decides: too severe is denied with the vulnerability in
//! the message, a second scanner's opinion counts too, and promotion asks first.

use crate::lab::{Crane, Site, grype, or_skip, trivy_with};

/// Exit code of commands for "denied".
const DENIED: Option<i32> = Some(3);

#[test]
fn a_severe_finding_is_named_to_the_puller_and_stops_the_promotion() {
    let crane = or_skip!(Crane::find());
    let site = or_skip!(Site::open());
    let image = site.image("team/app");
    let repository = format!("{}/{}", site.development.address(), image.repository);
    let name = format!("{repository}@{}", image.digest);
    let report = trivy_with(&repository, &image, &[("CVE-2026-1234", "HIGH")]);
    site.gateway.submit(&name, &report).expect_ok();
    let refused = site
        .gateway
        .command(&["promote", &name, "--to", "production"]);
    assert_eq!(refused.code, DENIED, "{}", refused.text());
    let forced = ["promote", &name, "--to", "production", "--force"];
    site.gateway.command(&forced).expect_ok();
    let denied = crane.pull(&site.at_gateway(&image)).expect_failure();
    assert!(
        denied.contains("sekisho: too-severe: CVE-2026-1234"),
        "{denied}"
    );
}

#[test]
fn a_clean_grype_report_is_evidence_until_trivy_finds_something() {
    let crane = or_skip!(Crane::find());
    let site = or_skip!(Site::open());
    let image = site.image("team/app");
    let repository = format!("{}/{}", site.development.address(), image.repository);
    let name = format!("{repository}@{}", image.digest);
    site.gateway
        .submit(&name, &grype(&repository, &image))
        .expect_ok();
    site.promote(&image);
    crane.pull(&site.at_gateway(&image)).expect_ok();
    let report = trivy_with(&repository, &image, &[("CVE-2026-1234", "CRITICAL")]);
    site.gateway.submit(&name, &report).expect_ok();
    let denied = crane.pull(&site.at_gateway(&image)).expect_failure();
    assert!(denied.contains("sekisho: too-severe"), "{denied}");
}

#[test]
fn a_report_on_another_image_is_refused() {
    let site = or_skip!(Site::open());
    let (image, other) = (site.image("team/app"), site.image("team/other"));
    let repository = format!("{}/{}", site.development.address(), image.repository);
    let name = format!("{repository}@{}", image.digest);
    site.gateway
        .submit(&name, &trivy_with(&repository, &other, &[]))
        .expect_failure();
    let explained = site.gateway.command(&["explain", &name]);
    assert_eq!(explained.code, DENIED, "{}", explained.text());
    assert!(
        explained.stdout.contains("not-scanned"),
        "{}",
        explained.text()
    );
}
