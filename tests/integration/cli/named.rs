//! Errors name the thing that is wrong, and what to write.

use std::fs;

use super::program::{Api, Program, Run, scratch};

const IMAGES: &str = r#"{"images":[],"coverage":{"known":4,"unscanned":1},"clusters":[]}"#;

fn against(api: &Api, words: &[&str]) -> Run {
    Program::new(words).env("SEKISHO_SERVER", &api.url).run()
}

#[test]
fn a_ledger_that_cannot_be_seen_is_not_said_to_be_absent() {
    let folder = scratch();
    // As where a folder may not be entered: whether a file is there is not known.
    fs::write(folder.path().join("data"), "a file").unwrap();
    let config = folder.path().join("sekisho.toml");
    fs::write(&config, "data_dir = \"data\"\n").unwrap();
    let run = Program::new(&["ledger", "backup"])
        .arg(folder.path().join("b.db"))
        .config(&config)
        .run();
    assert_eq!(run.code, 1, "{run:?}");
    assert!(!run.stderr.contains("there is no ledger"), "{run:?}");
    assert!(run.stderr.contains("ledger.db: Not a directory"), "{run:?}");
    assert!(run.stderr.contains("as the user of serve"), "{run:?}");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    for (words, part) in [
        (
            &["ledger", "verify", "/nowhere/nope.db"][..],
            "/nowhere/nope.db: No such file",
        ),
        (
            &["audit", "verify", "--offline", "nope.jsonl"],
            "nope.jsonl: no such file",
        ),
    ] {
        let run = Program::new(words).run();
        assert_eq!(run.code, 1, "{run:?}");
        assert!(run.stderr.contains(part), "{run:?}");
    }
    let folder = scratch();
    let file = folder.path().join("x.db");
    fs::write(&file, "no database").unwrap();
    let run = Program::new(&["ledger", "verify"]).arg(&file).run();
    assert!(run.stderr.contains("x.db: "), "{run:?}");
}

#[test]
fn what_is_out_of_bounds_is_named_by_its_flag() {
    let api = Api::answering(500, "");
    let run = against(&api, &["forecast", "--within", "91d"]);
    assert_eq!(run.code, 2, "{run:?}");
    assert!(
        run.stderr.contains("--within 91d") && run.stderr.contains("90d"),
        "{run:?}"
    );
    let run = against(&api, &["scan", "submit", "--report", "b.json"]);
    assert_eq!(run.code, 2, "{run:?}");
    assert!(run.stderr.contains("--image-id"), "{run:?}");
}

#[test]
fn what_can_be_no_vulnerability_is_refused_and_one_nobody_reported_is_doubted() {
    let api = Api::answering(200, IMAGES);
    for word in ["nonsense", "openssl", "sha256:00", "pkg:deb/debian/zlib1g"] {
        let run = against(&api, &["images", "--cve", word]);
        assert_eq!(run.code, 2, "{run:?}");
        assert!(run.stderr.contains("no vulnerability's id"), "{run:?}");
    }
    for id in [
        "CVE-2026-9999",
        "GHSA-cfgh-jmpq-rvwx",
        "TEMP-0841856-B18BAF",
    ] {
        let run = against(&api, &["images", "--cve", id]);
        assert_eq!(run.code, 0, "{run:?}");
        let told = format!("no report names {id}; is the id right?");
        assert!(run.stdout.contains(&told), "{run:?}");
    }
}

/// As pipelines set them where there is nothing to say.
#[test]
fn an_empty_variable_counts_as_unset() {
    let api = Api::answering(200, IMAGES);
    let mut program = Program::new(&["images", "--server", &api.url]);
    for name in ["TOKEN", "SERVER", "CONFIG", "CA"] {
        program = program.env(&format!("SEKISHO_{name}"), "");
    }
    let run = program.env("RUST_LOG", "").run();
    assert_eq!(run.code, 0, "{run:?}");
    let asked = api.request().to_lowercase();
    assert!(!asked.contains("authorization"), "{asked}");
    let run = Program::new(&["status"]).env("SEKISHO_SERVER", "").run();
    assert_eq!(run.code, 1, "{run:?}");
    assert!(run.stderr.contains("127.0.0.1:5081"), "{run:?}");
}
