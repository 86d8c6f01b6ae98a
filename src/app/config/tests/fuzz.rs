//! Files that were written in haste.

use super::*;
use crate::tests::{Fuzz, folded};

const EXAMPLE: &str = include_str!("../../../../config/sekisho.toml");
const KUBERNETES: &str = include_str!("../../../../config/kubernetes.toml");
const EXCEPTIONS: &str = include_str!("../../../../config/exceptions/example.toml");
const ADVISORIES: &str = include_str!("../../../../config/advisories/example.toml");

/// The keys that stand in comments, too.
fn with_all_keys(text: &str) -> String {
    let lines = text.lines().map(|line| match line.strip_prefix('#') {
        Some(key) if !key.starts_with(' ') => key,
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// What is wrong, as a terminal gets it.
fn told(problems: &Problems) -> String {
    let text = problems.to_string();
    assert!(!text.is_empty());
    let control = |letter: char| letter.is_control() && letter != '\n';
    assert!(!text.contains(control), "{text:?}");
    folded(text.lines().next().unwrap_or_default())
}

#[test]
fn fuzz_configurations() {
    let seeds = [
        with_all_keys(EXAMPLE),
        EXAMPLE.to_owned(),
        KUBERNETES.to_owned(),
    ];
    let (_folder, file) = written("");
    let words = &[
        "[[upstreams]]",
        "\"**\"",
        "\"1h\"",
        "99999999999d",
        "\"0B\"",
        "\"file:///\"",
        "{}",
    ];
    let fuzz = Fuzz::new("configurations", &seeds)
        .words(words)
        .free_bytes(16 << 20);
    fuzz.run(|text| {
        fs::write(&file, text).unwrap();
        // No file that it names is opened.
        match Config::load_parts(Some(&file), home, now(), None) {
            Ok(_) => "taken".to_owned(),
            Err(problems) => told(&problems),
        }
    });
}

#[test]
fn fuzz_exceptions_and_advisories() {
    let (folder, file) =
        written("exceptions_dir = \"exceptions\"\nadvisories_dir = \"advisories\"\n");
    let files = ["exceptions", "advisories"].map(|kind| folder.path().join(kind).join("a.toml"));
    let seeds = [EXCEPTIONS, ADVISORIES].map(with_all_keys);
    let words = &[
        "[[exception]]",
        "expires = 2027-01-31",
        "\"pkg:deb/debian/a@1\"",
        "\"**\"",
        "\"CVE-2024-1\"",
    ];
    let fuzz = Fuzz::new("exceptions and advisories", &seeds).words(words);
    fuzz.free_bytes(16 << 20).run(|text| {
        for file in &files {
            fs::write(file, text).unwrap();
        }
        match Config::load(Some(&file), home, now()) {
            Ok(config) => folded(&format!("{:?}", config.all_warnings().next())),
            Err(problems) => told(&problems),
        }
    });
}
