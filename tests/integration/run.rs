//! `tests/run` itself: nothing passes in silence.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::docs::page::file;
use crate::lab::{Outcome, installed, or_skip, outcome};

/// Judges these skips as on a machine of CI, or elsewhere.
fn judged(ci: bool, skips: &str, allowed: &str) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let file = folder.path().join(name);
        fs::write(&file, text).unwrap();
        file
    };
    let mut judge = Command::new(file("tests/setup/judge-skips"));
    judge.args([write("skips", skips), write("allowed", allowed)]);
    judge.env_remove("CI");
    if ci {
        judge.env("CI", "true");
    }
    outcome(&mut judge)
}

const SKIPS: &str = "format: rustfmt is not installed\nruntimes::herd::pulls: needs root\n";

#[test]
fn a_skip_is_named_and_passes_outside_of_ci() {
    let told = judged(false, SKIPS, "").expect_ok();
    assert!(told.contains("skipped: format: rustfmt"), "{told}");
}

#[test]
fn a_skip_that_is_not_allowed_fails_in_ci() {
    for allowed in [
        "",
        "format # x\n",
        "runtimes::herd::pulls # x\n",
        "runtimes # x\n",
    ] {
        let judged = judged(true, SKIPS, allowed);
        assert_eq!(judged.code, Some(1), "{allowed}: {judged:?}");
        let refused = "skipped, and not allowed: ";
        assert!(judged.stdout.contains(refused), "{allowed}: {judged:?}");
    }
}

#[test]
fn a_skip_that_is_allowed_with_a_reason_passes_in_ci() {
    let allowed = "# a comment\n\nformat # made elsewhere\nruntimes::herd::pulls # no root\n";
    judged(true, SKIPS, allowed).expect_ok();
    judged(true, "", "").expect_ok();
}

/// What cargo prints of two test binaries, where these failed.
fn log_of(failed: &[&str]) -> String {
    let mut log = "     Running unittests src/lib.rs\n".to_owned();
    for name in failed {
        log += &format!("test {name} ... FAILED\n");
    }
    let count = failed.len();
    log += &format!("test result: FAILED. 9 passed; {count} failed; 0 ignored\n");
    log + "   Doc-tests sekisho\ntest result: ok. 0 passed; 0 failed; 0 ignored\n"
}

/// Tries again what failed in a log, by a command that says of each test that it passes,
/// but of `a::broken`.
fn tried_again(log: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    fs::write(&path, log).unwrap();
    let mut script = Command::new(file("tests/setup/try-again"));
    let says = "echo test $0 ... ok; [ $0 != a::broken ]";
    script.arg(path).args(["sh", "-c", says]);
    outcome(&mut script).expect_ok()
}

#[test]
fn a_test_that_fails_twice_stays_failed_and_an_unsteady_one_is_named() {
    assert_eq!(tried_again(&log_of(&["a::broken", "b::slow"])), "b::slow\n");
    assert_eq!(tried_again(&log_of(&[])), "");
}

#[test]
fn many_failures_and_a_binary_that_broke_off_are_not_tried_again() {
    assert_eq!(tried_again(&log_of(&["a", "b", "c", "d"])), "");
    let log = log_of(&["a"]);
    let (cut, _) = log.split_once("test result: ok").unwrap();
    assert_eq!(tried_again(cut), "");
    assert_eq!(tried_again(&log.replace("; 1 failed", "; 2 failed")), "");
}

#[test]
fn a_permission_without_a_reason_fails_in_ci() {
    for allowed in ["format\n", "format #\n", "format # \n", "two words # x\n"] {
        let judged = judged(true, "", allowed);
        assert_eq!(judged.code, Some(1), "{allowed}: {judged:?}");
    }
}

#[test]
fn the_list_of_allowed_skips_has_reasons() {
    let allowed = fs::read_to_string(file("tests/allowed-skips")).unwrap();
    judged(true, "", &allowed).expect_ok();
}

#[test]
fn shellcheck_finds_nothing_in_the_scripts_that_run_the_tests() {
    let mut shellcheck = Command::new(or_skip!(installed("shellcheck")));
    let scripts = [
        "tests/run",
        "tests/setup/packages",
        "tests/setup/go-tools",
        "tests/setup/judge-skips",
        "tests/setup/try-again",
        "tests/setup/reproducible",
        "tests/bench/run",
        "docker/build",
        "docker/sbom",
        ".ci/run",
    ];
    outcome(shellcheck.args(scripts.map(file))).expect_ok();
}

/// Whoever skips goes through `Missing::skip`, which tells `tests/run`.
#[test]
fn no_test_skips_by_itself() {
    let mut found = Vec::new();
    let mut folders = vec![file("tests/integration"), file("src")];
    while let Some(folder) = folders.pop() {
        for path in entries(&folder) {
            match path.is_dir() {
                true => folders.push(path),
                false => found.extend(own_skips(&path)),
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// Lines that say they skip, or that take a test out.
fn own_skips(path: &Path) -> Vec<String> {
    let at_home = ["tests/integration/lab/tool.rs", "tests/integration/run.rs"];
    if at_home.iter().any(|home| path.ends_with(home)) {
        return Vec::new();
    }
    let text = fs::read_to_string(path).unwrap_or_default();
    let marks = ["println!(\"skip", "print!(\"skip", "#[ignore"];
    let lines = text.lines().enumerate();
    let bad = lines.filter(|(_, line)| marks.iter().any(|mark| line.contains(mark)));
    bad.map(|(at, line)| format!("{}:{}: {line}", path.display(), at + 1))
        .collect()
}
