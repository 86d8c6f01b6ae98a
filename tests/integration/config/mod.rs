//! `check-config`, as a script sees it.

mod components;
mod fluentd;
mod machines;
mod prometheus;

use crate::cli::program::{Program, scratch};

#[test]
fn every_problem_is_shown_at_once_and_exits_64() {
    let folder = scratch();
    let file = folder.path().join("sekisho.toml");
    let text =
        "speed = 1\n[cache]\nmax_size = \"big\"\n[[listeners]]\naddress = \"0.0.0.0:5080\"\n";
    std::fs::write(&file, text).unwrap();
    let run = Program::new(&["check-config"]).config(&file).run();
    assert_eq!(run.code, 64, "{run:?}");
    assert_eq!(run.stdout, "");
    for part in [
        "sekisho.toml:1:1: speed: is unknown",
        "sekisho.toml:3:12: cache.max_size: \"big\" is no size",
        "sekisho.toml:5:1: listeners[0].address: 0.0.0.0:5080 is not loopback",
    ] {
        assert!(run.stderr.contains(part), "{part}\n{run:?}");
    }
}

#[test]
fn keys_of_later_versions_are_refused_as_unknown() {
    let folder = scratch();
    let file = folder.path().join("sekisho.toml");
    std::fs::write(&file, "[cache]\nnearby = \"s3://bucket/prefix\"\n").unwrap();
    let run = Program::new(&["check-config"]).config(&file).run();
    assert_eq!(run.code, 64, "{run:?}");
    assert!(run.stderr.contains("cache.nearby: is unknown"), "{run:?}");
}

#[test]
fn problems_are_listed_for_scripts() {
    let folder = scratch();
    let file = folder.path().join("sekisho.toml");
    std::fs::write(&file, "speed = 1\n").unwrap();
    let run = Program::new(&["check-config", "--output", "json"])
        .config(&file)
        .run();
    assert_eq!(run.code, 64, "{run:?}");
    let report: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(report["ok"], false);
    assert_eq!(report["problems"][0]["key"], "speed");
    assert_eq!(report["problems"][0]["line"], 1);
}

#[test]
fn a_syntax_error_has_its_place() {
    let folder = scratch();
    let file = folder.path().join("sekisho.toml");
    std::fs::write(&file, "[cache\nmax_size = 1\n").unwrap();
    let run = Program::new(&["check-config"]).config(&file).run();
    assert_eq!(run.code, 64, "{run:?}");
    assert!(run.stderr.contains("sekisho.toml:1:"), "{run:?}");
}

#[test]
fn the_defaults_and_the_sample_are_good() {
    let run = Program::new(&["check-config"]).run();
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.stdout.starts_with("defaults: good"), "{run:?}");
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/config/sekisho.toml");
    let run = Program::new(&["check-config"])
        .config(sample.as_ref())
        .run();
    assert_eq!(run.code, 0, "{run:?}");
}

#[test]
fn a_warning_does_not_fail_the_check() {
    let folder = scratch();
    let file = folder.path().join("sekisho.toml");
    let text = "[[listeners]]\naddress = \"0.0.0.0:5080\"\ninsecure = true\n";
    std::fs::write(&file, text).unwrap();
    let run = Program::new(&["check-config"]).config(&file).run();
    assert_eq!(run.code, 0, "{run:?}");
    assert!(
        run.stdout.contains("listeners[0].auth: \"none\""),
        "{run:?}"
    );
}

const FOLDERS: &str = "exceptions_dir = \"exceptions\"\nadvisories_dir = \"advisories\"\n";

/// A configuration with a file of exceptions and one of advisories.
fn with_notices(exceptions: &str, advisories: &str) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = scratch();
    for (place, text) in [("exceptions", exceptions), ("advisories", advisories)] {
        std::fs::create_dir(folder.path().join(place)).unwrap();
        std::fs::write(folder.path().join(place).join("a.toml"), text).unwrap();
    }
    let file = folder.path().join("sekisho.toml");
    std::fs::write(&file, FOLDERS).unwrap();
    (folder, file)
}

/// An exception that ends in so many days.
fn exception(days: i64) -> String {
    let end = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * days);
    format!(
        "[[exception]]\nvulnerabilities = [\"CVE-1\"]\nimages = [\"docker.io/**\"]\n\
         reason = \"r\"\nlink = \"https://a.example/1\"\nowner = \"o\"\nexpires = {end:.0}\n"
    )
}

#[test]
fn mistakes_in_exceptions_and_advisories_exit_64() {
    let (folder, file) = with_notices("[[exception]]\n", "[[advisory]\n");
    let commands: [&[&str]; 2] = [&["check-config"], &["exceptions", "check"]];
    for command in commands {
        let run = Program::new(command).config(&file).run();
        assert_eq!(run.code, 64, "{run:?}");
        for part in [
            "exceptions/a.toml:1:1: exception#1.expires: is missing",
            "exceptions/a.toml:1:1: exception#1.link: is missing",
            "advisories/a.toml:1:",
        ] {
            assert!(run.stderr.contains(part), "{part}\n{run:?}");
        }
    }
    // It would start without the exceptions, and without no advisory.
    let run = Program::new(&["serve"]).config(&file).run();
    assert_eq!(run.code, 64, "{run:?}");
    assert!(run.stderr.contains("advisories/a.toml:1:"), "{run:?}");
    let exceptions = folder.path().join("exceptions");
    std::fs::remove_dir_all(&exceptions).unwrap();
    std::os::unix::fs::symlink("nowhere", exceptions).unwrap();
    let run = Program::new(&["check-config", "--output", "json"])
        .config(&file)
        .run();
    assert_eq!(run.code, 64, "{run:?}");
    let report: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    let named = report["problems"][0]["file"].as_str().unwrap();
    assert!(named.ends_with("/exceptions"), "{report}");
}

#[test]
fn what_is_accepted_is_counted_and_its_end_is_warned_of() {
    let two = format!("{}{}", exception(100), exception(3));
    let (_folder, file) = with_notices(&two, "");
    let run = Program::new(&["check-config"]).config(&file).run();
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.stdout.contains("2 exceptions, 0 advisories"), "{run:?}");
    assert_eq!(run.stdout.matches("ends soon").count(), 1, "{run:?}");
    let run = Program::new(&["exceptions", "check"]).config(&file).run();
    assert_eq!(run.code, 0, "{run:?}");
    assert!(
        run.stdout.starts_with("good: 2 exceptions, 0 advisories\n"),
        "{run:?}"
    );
    assert!(
        run.stdout
            .contains("a.toml:14:1: exception#2.expires: ends soon"),
        "{run:?}"
    );
}

#[test]
fn a_check_of_nothing_does_not_pass() {
    let run = Program::new(&["exceptions", "check"]).run();
    assert_eq!(run.code, 64, "{run:?}");
    assert!(run.stderr.contains("nothing was checked"), "{run:?}");
}
