//! Files of exceptions and advisories: what they mean, and what is refused.

use std::fs;
use std::path::Path;

use super::{home, now, written};
use crate::app::config::{Config, Problems};
use crate::report::Severity;
use crate::trust::{Advisory, Effect, Exception};

pub(super) const CONFIG: &str = "exceptions_dir = 'exceptions'\nadvisories_dir = 'advisories'\n";

pub(super) const EXCEPTION: &str = "[[exception]]
vulnerabilities = ['CVE-2023-45853']
images = ['docker.io/team/**']
packages = ['zlib1g']
reason = 'minizip is not linked'
link = 'https://gitlab.example/issues/214'
owner = 'platform-team'
expires = 2026-09-30
";

pub(super) const ADVISORY: &str = "[[advisory]]
id = 'SEC-1'
vulnerabilities = ['CVE-2026-1234']
effect = 'lower'
severity = 'low'
reason = 'needs a local account'
link = 'https://gitlab.example/issues/14'
expires = 2026-12-31
";

pub(super) fn put(folder: &Path, name: &str, text: &str) {
    let file = folder.join(name);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, text).unwrap();
}

/// Reads a configuration with these files beside it.
pub(super) fn load(config: &str, files: &[(&str, &str)]) -> Result<Config, Problems> {
    let (folder, file) = written(config);
    for (name, text) in files {
        put(folder.path(), name, text);
    }
    Config::load(Some(&file), home, now())
}

fn exceptions(text: &str) -> Vec<Exception> {
    let config = load(CONFIG, &[("exceptions/team.toml", text)]).unwrap();
    config.policy().exceptions().to_vec()
}

fn advisories(text: &str) -> Vec<Advisory> {
    let config = load(CONFIG, &[("advisories/sec.toml", text)]).unwrap();
    config.policy().advisories().to_vec()
}

#[test]
fn an_exception_reads_as_it_is_written() {
    let second = EXCEPTION.replace(
        "vulnerabilities = ['CVE-2023-45853']",
        "accept = ['end-of-life']",
    );
    let second = second.replace("packages = ['zlib1g']\n", "");
    let read = exceptions(&format!("{EXCEPTION}{second}"));
    assert_eq!(read.len(), 2);
    assert_eq!(read[0].id, "team.toml#1");
    assert_eq!(read[0].vulnerabilities, ["CVE-2023-45853"]);
    assert!(!read[0].accepts_end_of_life);
    assert_eq!(read[0].images.written(), ["docker.io/team/**"]);
    assert_eq!(read[0].packages[0].to_string(), "zlib1g");
    assert_eq!(read[0].owner, "platform-team");
    assert_eq!(read[0].expires.to_string(), "2026-10-01T00:00:00Z");
    assert_eq!(read[1].id, "team.toml#2");
    assert!(read[1].accepts_end_of_life && read[1].vulnerabilities.is_empty());
}

#[test]
fn a_moment_of_the_day_ends_an_exception_too() {
    let exact = EXCEPTION.replace("2026-09-30", "2026-09-30T12:00:00+09:00");
    assert_eq!(
        exceptions(&exact)[0].expires.to_string(),
        "2026-09-30T03:00:00Z"
    );
}

#[test]
fn an_advisory_reads_as_it_is_written() {
    let block = ADVISORY
        .replace("SEC-1", "SEC-2")
        .replace("'lower'\nseverity = 'low'", "'block'")
        .replace("expires = 2026-12-31\n", "")
        .replace(
            "vulnerabilities = ['CVE-2026-1234']",
            "packages = ['pkg:deb/xz-utils@5.6.1']",
        );
    let digest = block.replace("SEC-2", "SEC-3").replace(
        "packages = ['pkg:deb/xz-utils@5.6.1']",
        "digests = ['sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855']",
    );
    let raise = ADVISORY.replace("SEC-1", "SEC-4").replace(
        "'lower'\nseverity = 'low'",
        "'raise'\nseverity = 'critical'",
    );
    let read = advisories(&format!("{ADVISORY}{block}{digest}{raise}"));
    let effects: Vec<Effect> = read.iter().map(|it| it.effect).collect();
    let (lower, raise) = (
        Effect::Lower(Severity::Low),
        Effect::Raise(Severity::Critical),
    );
    assert_eq!(effects, [lower, Effect::Block, Effect::Block, raise]);
    assert_eq!(read[0].id, "SEC-1");
    assert_eq!((read[1].expires, read[1].packages.len()), (None, 1));
    assert_eq!(read[2].digests.len(), 1);
}

/// What of a good exception is replaced, by what, the key that is named, and a part
/// of what is said of it.
const BAD_EXCEPTIONS: &[(&str, &str, &str, &str)] = &[
    (
        "vulnerabilities = ['CVE-2023-45853']\n",
        "",
        "vulnerabilities",
        "or accept",
    ),
    (
        "packages = ['zlib1g']",
        "accept = ['end-of-life']",
        "accept",
        "two exceptions",
    ),
    (
        "['CVE-2023-45853']",
        "[]",
        "vulnerabilities",
        "names nothing",
    ),
    (
        "['CVE-2023-45853']",
        "['']",
        "vulnerabilities",
        "is the id of no",
    ),
    (
        "['CVE-2023-45853']",
        "['CVE-1 ']",
        "vulnerabilities",
        "is the id of no",
    ),
    (
        "['CVE-2023-45853']",
        "'CVE-1'",
        "vulnerabilities",
        "is no list",
    ),
    (
        "vulnerabilities = ['CVE-2023-45853']",
        "accept = ['everything']",
        "accept[0]",
        "end-of-life",
    ),
    (
        "vulnerabilities = ['CVE-2023-45853']",
        "accept = ['end-of-life']",
        "packages",
        "does not go with accept",
    ),
    (
        "images = ['docker.io/team/**']\n",
        "",
        "images",
        "is missing",
    ),
    ("['docker.io/team/**']", "[]", "images", "is empty"),
    ("['docker.io/team/**']", "['a[']", "images", "is no glob"),
    ("['zlib1g']", "[]", "packages", "names nothing"),
    ("['zlib1g']", "['pkg:deb']", "packages[0]", "no package"),
    (
        "reason = 'minizip is not linked'\n",
        "",
        "reason",
        "is missing",
    ),
    ("'minizip is not linked'", "' '", "reason", "is empty"),
    (
        "link = 'https://gitlab.example/issues/214'\n",
        "",
        "link",
        "is missing",
    ),
    (
        "https://gitlab.example/issues/214",
        "issue 214",
        "link",
        "is no web address",
    ),
    (
        "https://gitlab.example/issues/214",
        "/issues/214",
        "link",
        "is no web address",
    ),
    ("https:", "javascript:", "link", "is no web address"),
    ("owner = 'platform-team'\n", "", "owner", "is missing"),
    ("'platform-team'", "''", "owner", "is empty"),
    ("expires = 2026-09-30\n", "", "expires", "is missing"),
    ("2026-09-30", "'2026-09-30'", "expires", "invalid type"),
    (
        "2026-09-30",
        "2026-09-30T12:00:00",
        "expires",
        "names no moment",
    ),
    ("2026-09-30", "2026-11-29", "expires", "is over 180d away"),
    ("owner", "onwer", "onwer", "is unknown"),
];

const BAD_ADVISORIES: &[(&str, &str, &str, &str)] = &[
    ("id = 'SEC-1'\n", "", "id", "is missing"),
    ("'SEC-1'", "''", "id", "is no id"),
    (
        "vulnerabilities = ['CVE-2026-1234']\n",
        "",
        "vulnerabilities",
        "is missing",
    ),
    (
        "['CVE-2026-1234']",
        "[]",
        "vulnerabilities",
        "names nothing",
    ),
    (
        "['CVE-2026-1234']",
        "['CVE-1']\npackages = ['x']",
        "packages",
        "two advisories",
    ),
    (
        "vulnerabilities = ['CVE-2026-1234']",
        "digests = ['sha256:ab']",
        "digests[0]",
        "64 lower-case",
    ),
    (
        "vulnerabilities = ['CVE-2026-1234']",
        "digests = []",
        "digests",
        "names nothing",
    ),
    (
        "vulnerabilities = ['CVE-2026-1234']",
        "digests = ['sha256:ab']",
        "digests",
        "can be blocked alone",
    ),
    ("effect = 'lower'\n", "", "effect", "is missing"),
    ("'lower'", "'ignore'", "effect", "unknown variant"),
    ("'lower'", "'block'", "severity", "does not go with block"),
    ("severity = 'low'\n", "", "severity", "is missing"),
    (
        "'lower'\nseverity = 'low'",
        "'raise'",
        "severity",
        "at least",
    ),
    ("'low'", "'none'", "severity", "unknown variant"),
    (
        "expires = 2026-12-31\n",
        "",
        "expires",
        "what lowers has an end",
    ),
    (
        "reason = 'needs a local account'\n",
        "",
        "reason",
        "is missing",
    ),
    ("https:", "ftp:", "link", "is no web address"),
    ("link", "url", "url", "is unknown"),
];

#[test]
fn refuses_each_mistake_of_an_exception() {
    refuses(
        "exceptions/team.toml",
        "exception",
        EXCEPTION,
        BAD_EXCEPTIONS,
    );
}

#[test]
fn refuses_each_mistake_of_an_advisory() {
    refuses("advisories/sec.toml", "advisory", ADVISORY, BAD_ADVISORIES);
}

fn refuses(file: &str, table: &str, good: &str, bad: &[(&str, &str, &str, &str)]) {
    for (from, to, key, said) in bad {
        let text = good.replacen(from, to, 1);
        assert_ne!(text, good, "{from} is not there");
        let found = load(CONFIG, &[(file, &text)]).expect_err(&text).to_string();
        let named = found.lines().any(|line| {
            line.contains(&format!("/{file}:"))
                && line.contains(&format!(": {table}[0].{key}: "))
                && line.contains(said)
        });
        assert!(named, "{text}\nshould name {key}: {said}\nbut: {found}");
    }
}

#[test]
fn the_other_table_is_unknown_in_a_folder() {
    for (file, text) in [
        ("exceptions/a.toml", ADVISORY),
        ("advisories/a.toml", EXCEPTION),
    ] {
        let found = load(CONFIG, &[(file, text)]).unwrap_err().to_string();
        assert!(
            found.contains(&format!("{file}:1:3: ")) && found.contains("is unknown"),
            "{found}"
        );
    }
}

#[test]
fn the_horizon_is_the_configurations_and_includes_its_last_day() {
    let ends = |horizon: &str, day: &str| {
        let config = format!("exception_horizon = '{horizon}'\n{CONFIG}");
        let text = EXCEPTION.replace("2026-09-30", day);
        load(&config, &[("exceptions/a.toml", &text)]).map(drop)
    };
    assert_eq!(ends("180d", "2026-11-28"), Ok(()));
    assert_eq!(ends("30d", "2026-07-01"), Ok(()));
    let text = ends("30d", "2026-07-02").unwrap_err().to_string();
    assert!(
        text.contains("over 30d away (exception_horizon); the latest is 2026-07-02T00:00:00Z"),
        "{text}"
    );
}

#[test]
fn an_id_is_used_once_over_all_files() {
    let found = load(
        CONFIG,
        &[
            ("advisories/a.toml", ADVISORY),
            ("advisories/b/b.toml", ADVISORY),
        ],
    );
    let found = found.unwrap_err().to_string();
    assert!(
        found.contains("advisories/b/b.toml:2:1: advisory[0].id: SEC-1 stands in a.toml too"),
        "{found}"
    );
    let found = load(CONFIG, &[("advisories/a.toml", &ADVISORY.repeat(2))])
        .unwrap_err()
        .to_string();
    assert!(
        found.contains("a.toml:10:1: advisory[1].id: SEC-1 stands twice"),
        "{found}"
    );
}

#[test]
fn every_problem_of_every_file_is_named_at_once() {
    let unlinked = EXCEPTION.replace("link", "lnk");
    let files = [
        ("exceptions/b.toml", "[[exception]\n"),
        ("exceptions/a/a.toml", &unlinked),
        ("advisories/c.toml", "[[advisory]]\nid = 'X'\n"),
    ];
    let found = load(&format!("speed = 1\n{CONFIG}"), &files).unwrap_err();
    let found = found.to_string();
    for part in [
        "sekisho.toml:1:1: speed: is unknown",
        "exceptions/a/a.toml:1:1: exception[0].link: is missing",
        "exceptions/a/a.toml:6:1: exception[0].lnk: is unknown",
        "exceptions/b.toml:1:",
        "advisories/c.toml:1:1: advisory[0].effect: is missing",
    ] {
        assert!(found.contains(part), "{part}\n{found}");
    }
}

#[test]
fn warns_of_ends_and_of_images_that_no_upstream_has() {
    for (from, to, key, said) in [
        (
            "2026-09-30",
            "2026-05-31",
            "expires",
            "is past: nothing is accepted",
        ),
        ("2026-09-30", "2026-06-14", "expires", "ends soon"),
        (
            "docker.io/team/**",
            "quay.io/team/**",
            "images",
            "matches nothing",
        ),
    ] {
        let text = EXCEPTION.replace(from, to);
        let config = load(CONFIG, &[("exceptions/a.toml", &text)]).expect(to);
        let warnings: Vec<String> = config.all_warnings().map(ToString::to_string).collect();
        let key = format!(
            "exceptions/a.toml:{}: exception[0].{key}",
            if key == "images" { "3:1" } else { "8:1" }
        );
        let named = warnings
            .iter()
            .any(|it| it.contains(&key) && it.contains(said));
        assert!(named, "{key} {said}: {warnings:?}");
        assert_eq!(config.policy().exceptions().len(), 1);
    }
    let far = load(CONFIG, &[("exceptions/a.toml", EXCEPTION)]).unwrap();
    assert_eq!(far.all_warnings().count(), 0);
}

#[test]
fn an_advisory_that_ends_is_warned_of_too() {
    for (day, said) in [("2026-05-31", "is past"), ("2026-06-10", "ends soon")] {
        let text = ADVISORY.replace("2026-12-31", day);
        let config = load(CONFIG, &[("advisories/a.toml", &text)]).unwrap();
        let warnings: Vec<String> = config.all_warnings().map(ToString::to_string).collect();
        assert!(warnings[0].contains(said), "{warnings:?}");
    }
}
