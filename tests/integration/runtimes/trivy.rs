//! The real Trivy looks at real images of a real registry, and what it prints is
//! handed in as it stands.

use jiff::{SignedDuration, Timestamp};

use serde_json::Value;

use crate::lab::{Crane, Image, Outcome, Print, Site, Trivy, or_skip};

/// Exit code of commands for "denied".
const DENIED: Option<i32> = Some(3);

#[test]
fn what_trivy_finds_is_named_to_the_puller_with_package_and_fix() {
    let (crane, trivy) = (or_skip!(Crane::find()), or_skip!(Trivy::find()));
    let site = or_skip!(Site::open());
    let image = site.image("team/critical");
    hand_in(&site, &image, &trivy, &trivy.scan(&name(&site, &image))).expect_ok();
    assert_eq!(promote(&site, &image, &[]).code, DENIED);
    promote(&site, &image, &["--force"]).expect_ok();
    let denied = crane.pull(&site.at_gateway(&image)).expect_failure();
    let expected =
        "sekisho: too-severe: CVE-2026-10001 CRITICAL sekisho-demo-openssl 3.0.1-1, fixed 3.0.2-1";
    assert!(denied.contains(expected), "{denied}");
}

#[test]
fn what_trivy_finds_clean_is_pulled_after_promotion() {
    let (crane, trivy) = (or_skip!(Crane::find()), or_skip!(Trivy::find()));
    let site = or_skip!(Site::open());
    let image = site.image("team/clean");
    let report = trivy.scan(&name(&site, &image));
    hand_in(&site, &image, &trivy, &report).expect_ok();
    let denied = crane.pull(&site.at_gateway(&image)).expect_failure();
    assert!(denied.contains("sekisho: not-promoted"), "{denied}");
    promote(&site, &image, &[]).expect_ok();
    crane.pull(&site.at_gateway(&image)).expect_ok();
}

/// `team/app` is a static binary from scratch; of `team/hidden` somebody deleted what
/// names the system of its packages.
#[test]
fn an_image_without_packages_passes_and_one_whose_system_is_hidden_does_not() {
    let trivy = or_skip!(Trivy::find());
    let site = or_skip!(Site::open());
    let empty = site.image("team/app");
    let report = trivy.scan(&name(&site, &empty));
    hand_in(&site, &empty, &trivy, &report).expect_ok();
    promote(&site, &empty, &[]).expect_ok();
    explain(&site, &empty, "external").expect_ok();
    let hidden = site.image("team/hidden");
    let report = trivy.scan(&name(&site, &hidden));
    let taken = hand_in(&site, &hidden, &trivy, &report).expect_ok();
    assert!(
        taken.contains("unknown operating system were not scanned"),
        "{taken}"
    );
    assert_eq!(promote(&site, &hidden, &[]).code, DENIED);
}

#[test]
fn a_scan_of_an_images_inventory_counts_for_the_image() {
    let trivy = or_skip!(Trivy::find());
    let site = or_skip!(Site::open());
    for (repository, passes) in [("team/clean", true), ("team/critical", false)] {
        let image = site.image(repository);
        let report = trivy.scan_inventory(&name(&site, &image));
        hand_in(&site, &image, &trivy, &report).expect_ok();
        assert_eq!(promote(&site, &image, &[]).ok(), passes, "{repository}");
    }
    let other = site.image("team/medium");
    let report = trivy.scan_inventory(&name(&site, &site.image("team/clean")));
    hand_in(&site, &other, &trivy, &report).expect_failure();
}

/// External refuses Medium, internal takes it; Low without a fix passes both.
#[test]
fn a_medium_finding_is_for_internal_services_only() {
    let trivy = or_skip!(Trivy::find());
    let site = or_skip!(Site::open());
    let image = site.image("team/medium");
    let report = trivy.scan(&name(&site, &image));
    hand_in(&site, &image, &trivy, &report).expect_ok();
    promote(&site, &image, &["--force"]).expect_ok();
    let external = explain(&site, &image, "external");
    assert_eq!(external.code, DENIED, "{}", external.text());
    assert!(
        external.text().contains("CVE-2026-10002"),
        "{}",
        external.text()
    );
    assert!(!external.text().contains("too-severe: CVE-2026-10003"));
    let internal = explain(&site, &image, "internal");
    assert!(internal.ok(), "{}", internal.text());
}

#[test]
fn the_version_of_trivy_dates_its_database() {
    let site = or_skip!(Site::open());
    let image = site.image("team/clean");
    let month = SignedDuration::from_hours(30 * 24);
    let (fresh, old) = (
        or_skip!(Trivy::find()),
        or_skip!(Trivy::with_database_of(Timestamp::now() - month)),
    );
    let report = fresh.scan(&name(&site, &image));
    let undated = site
        .gateway
        .submit(&name(&site, &image), &report)
        .expect_ok();
    assert!(undated.contains("--scanner-info dates it"), "{undated}");
    promote(&site, &image, &[]).expect_ok();

    let report = old.scan(&name(&site, &image));
    let dated = hand_in(&site, &image, &old, &report).expect_ok();
    assert!(!dated.contains("--scanner-info dates it"), "{dated}");
    let stale = explain(&site, &image, "external");
    assert_eq!(stale.code, DENIED, "{}", stale.text());
    assert!(stale.text().contains("scan-stale"), "{}", stale.text());

    let report = fresh.scan(&name(&site, &image));
    hand_in(&site, &image, &fresh, &report).expect_ok();
    explain(&site, &image, "external").expect_ok();
}

#[test]
fn a_report_of_trivy_on_another_image_is_refused() {
    let trivy = or_skip!(Trivy::find());
    let site = or_skip!(Site::open());
    let (clean, critical) = (site.image("team/clean"), site.image("team/critical"));
    let report = trivy.scan(&name(&site, &clean));
    hand_in(&site, &critical, &trivy, &report).expect_failure();
    let explained = explain(&site, &critical, "external");
    assert_eq!(explained.code, DENIED);
    assert!(
        explained.text().contains("not-scanned"),
        "{}",
        explained.text()
    );
}

/// Not ours to prove, but what the tests of the other formats stand on.
#[test]
fn every_print_of_trivy_tells_what_it_found() {
    let trivy = or_skip!(Trivy::find());
    let site = or_skip!(Site::open());
    let critical = name(&site, &site.image("team/critical"));
    for print in Print::ALL {
        let text = trivy.print(print, &critical);
        let printed: Value = serde_json::from_str(&text).unwrap();
        assert!(printed.is_object(), "{print:?}: {text}");
        for part in ["CVE-2026-10001", "sekisho-demo-openssl", "3.0.2-1"] {
            assert!(text.contains(part), "{print:?}: {part}\n{text}");
        }
    }
}

/// By which scanner and people know it: at its own registry, by digest.
fn name(site: &Site, image: &Image) -> String {
    site.upstream_name(image)
}

/// The report as Trivy printed it, with what dates the database.
fn hand_in(site: &Site, image: &Image, trivy: &Trivy, report: &str) -> Outcome {
    site.gateway
        .submit_dated(&name(site, image), report, &trivy.version())
}

fn promote(site: &Site, image: &Image, further: &[&str]) -> Outcome {
    let name = name(site, image);
    let promote = ["promote", &name, "--to", "production"];
    site.gateway.command(&[&promote[..], further].concat())
}

fn explain(site: &Site, image: &Image, exposure: &str) -> Outcome {
    let name = name(site, image);
    let explain = ["explain", &name, "--environment", "production"];
    site.gateway
        .command(&[&explain[..], &["--exposure", exposure]].concat())
}
