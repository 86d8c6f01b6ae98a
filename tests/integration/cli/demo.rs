//! The story that the README begins with.

use serde_json::Value;

use super::program::{Program, scratch};

#[test]
fn the_demo_is_denied_scanned_promoted_and_pulled_and_leaves_nothing_behind() {
    let temporary = scratch();
    let folder = temporary.path().to_str().unwrap();
    let run = Program::new(&["demo", "--once", "--json"])
        .env("TMPDIR", folder)
        .run();
    assert_eq!(run.code, 0, "{run:?}");
    let steps: Vec<Value> = run
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let pulls: Vec<u64> = steps
        .iter()
        .filter(|step| step["command"].as_str().unwrap().contains("/manifests/"))
        .map(|step| step["status"].as_u64().unwrap())
        .collect();
    assert_eq!(pulls, [403, 403, 403, 200, 403, 200]);
    let told: String = steps
        .iter()
        .map(|step| step["answer"].to_string())
        .collect();
    for reason in [
        "not-scanned",
        "too-severe: CVE-2026-1234",
        "not-promoted",
        "revoked",
    ] {
        assert!(told.contains(reason), "{reason} is not in {told}");
    }
    let left = std::fs::read_dir(temporary.path()).unwrap().count();
    assert_eq!(left, 0, "files are left in {folder}");
}

#[test]
fn the_demo_tells_people_what_to_type() {
    let run = Program::new(&["demo", "--once"]).run();
    assert_eq!(run.code, 0, "{run:?}");
    for line in [
        "$ sekisho scan submit",
        "$ sekisho promote",
        "$ sekisho revoke",
        "$ curl http",
    ] {
        assert!(run.stdout.contains(line), "{line} is not in {}", run.stdout);
    }
}
