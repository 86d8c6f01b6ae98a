//! Trivy's other prints, handed in as they stand: all of them can deny, and those
//! that say when the scan was can be a pass too.

use crate::lab::{Image, Outcome, Print, Site, Trivy, or_skip};

/// Exit code of commands for "denied".
const DENIED: Option<i32> = Some(3);

/// A print, the word for it, and whether it can meet the demand for a scan.
const FORMATS: [(Print, &str, bool); 5] = [
    (Print::Json, "trivy", true),
    (Print::GitLab, "gitlab", true),
    (Print::CosignVuln, "cosign-vuln", true),
    (Print::Sarif, "sarif", false),
    (Print::CycloneDx, "cyclonedx", false),
];

#[test]
fn every_print_of_trivy_denies_what_is_too_severe() {
    let trivy = or_skip!(Trivy::find());
    for (print, word, _) in FORMATS {
        for choice in [word, "auto"] {
            let site = or_skip!(Site::open());
            let image = site.image("team/critical");
            let report = trivy.print(print, &site.upstream_name(&image));
            hand_in(&site, &image, choice, &report).expect_ok();
            let denied = explain(&site, &image);
            assert_eq!(denied.code, DENIED, "{word}: {}", denied.text());
            let expected = "too-severe: CVE-2026-10001 CRITICAL sekisho-demo-openssl 3.0.1-1, \
                            fixed 3.0.2-1";
            assert!(
                denied.text().contains(expected),
                "{word}: {}",
                denied.text()
            );
        }
    }
}

#[test]
fn a_clean_print_passes_if_it_says_when_the_scan_was() {
    let trivy = or_skip!(Trivy::find());
    for (print, word, passes) in FORMATS {
        let site = or_skip!(Site::open());
        let image = site.image("team/clean");
        let name = site.upstream_name(&image);
        let report = trivy.print(print, &name);
        hand_in(&site, &image, word, &report).expect_ok();
        let promoted = site
            .gateway
            .command(&["promote", &name, "--to", "production"]);
        assert_eq!(promoted.ok(), passes, "{word}: {}", promoted.text());
        assert_eq!(explain(&site, &image).ok(), passes, "{word}");
    }
}

#[test]
fn a_print_on_another_image_is_refused_whatever_its_format() {
    let trivy = or_skip!(Trivy::find());
    for (print, word, _) in FORMATS {
        let site = or_skip!(Site::open());
        let (clean, critical) = (site.image("team/clean"), site.image("team/critical"));
        let report = trivy.print(print, &site.upstream_name(&critical));
        let refused = hand_in(&site, &clean, word, &report);
        assert!(!refused.ok(), "{word}: {}", refused.text());
        let explained = explain(&site, &clean);
        assert!(
            explained.text().contains("not-scanned"),
            "{word}: {}",
            explained.text()
        );
    }
}

fn hand_in(site: &Site, image: &Image, format: &str, report: &str) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.json");
    std::fs::write(&file, report).unwrap();
    let (name, file) = (site.upstream_name(image), file.display().to_string());
    let submit = ["scan", "submit", "--image", &name, "--report", &file];
    site.gateway
        .command(&[&submit[..], &["--format", format]].concat())
}

fn explain(site: &Site, image: &Image) -> Outcome {
    site.gateway
        .command(&["explain", &site.upstream_name(image)])
}
