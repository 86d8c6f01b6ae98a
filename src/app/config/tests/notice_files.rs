//! The folders of exceptions and advisories, as they lie on disk.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::notices::{CONFIG, EXCEPTION, load, put};
use super::{home, now, written};
use crate::app::config::{Config, PolicyFile, load_notices};

#[test]
fn a_config_map_is_read_through_its_links() {
    let (folder, file) = written(CONFIG);
    let place = folder.path().join("exceptions");
    put(&place, "..2026_06_01/team.toml", EXCEPTION);
    put(&place, "..2026_06_01/web/web.toml", EXCEPTION);
    put(&place, "README.md", "no TOML");
    symlink("..2026_06_01", place.join("..data")).unwrap();
    symlink("..data/team.toml", place.join("team.toml")).unwrap();
    // As kubelet lays out `path: web/web.toml`.
    symlink("..data/web", place.join("web")).unwrap();
    let config = Config::load(Some(&file), home, now()).unwrap();
    let policy = config.policy();
    let ids: Vec<&str> = policy
        .exceptions()
        .iter()
        .map(|it| it.id.as_str())
        .collect();
    assert_eq!(ids, ["team.toml#1", "web/web.toml#1"]);
}

#[test]
fn what_cannot_be_read_is_a_problem() {
    let refused = |lay: &dyn Fn(&Path)| {
        let (folder, file) = written(CONFIG);
        lay(&folder.path().join("exceptions"));
        Config::load(Some(&file), home, now())
            .unwrap_err()
            .to_string()
    };
    let gone = refused(&|place| fs::remove_dir(place).unwrap());
    assert!(gone.contains("/exceptions: cannot be listed"), "{gone}");
    let nowhere = refused(&|place| symlink("none", place.join("a.toml")).unwrap());
    assert!(nowhere.contains("/a.toml: cannot be read"), "{nowhere}");
    let long = refused(&|place| put(place, "a.toml", &"#é\n".repeat(300_000)));
    assert!(long.contains("/a.toml: is over 1 MiB"), "{long}");
    let latin = refused(&|place| fs::write(place.join("a.toml"), b"# \xe9").unwrap());
    assert!(latin.contains("/a.toml: is no text"), "{latin}");
    let many = refused(&|place| (0..1001).for_each(|at| put(place, &format!("{at}.toml"), "")));
    assert!(
        many.contains("/exceptions: holds over 1000 files"),
        "{many}"
    );
    let endless = refused(&|place| symlink(".", place.join("again")).unwrap());
    assert!(endless.contains("does a link lead back"), "{endless}");
}

#[test]
fn what_a_file_says_reaches_no_terminal_as_it_is() {
    let text = EXCEPTION.replace(
        "'https://gitlab.example/issues/214'",
        "\"\\u001b]0;x\\u0007\"",
    );
    let text = text.replace("['zlib1g']", "[\"\\u001b[2J \"]");
    let found = load(CONFIG, &[("exceptions/a\u{1b}.toml", &text)]).unwrap_err();
    let shown = found.to_string();
    assert!(
        shown.chars().all(|it| it == '\n' || !it.is_control()),
        "{shown:?}"
    );
}

#[test]
fn any_change_of_a_file_changes_the_revision() {
    let revision = |text: &str| {
        let config = load(CONFIG, &[("exceptions/a.toml", text)]).unwrap();
        config.policy().revision()
    };
    let same = revision(EXCEPTION);
    assert_eq!(revision(&format!("# said again\n{EXCEPTION}")), same);
    for (from, to) in [
        ("45853", "45854"),
        ("zlib1g", "zlib"),
        ("09-30", "09-29"),
        ("team/**", "team/*"),
    ] {
        assert_ne!(revision(&EXCEPTION.replace(from, to)), same, "{to}");
    }
}

#[test]
fn without_folders_there_are_none() {
    let config = load("", &[("exceptions/a.toml", EXCEPTION)]).unwrap();
    assert!(config.policy().exceptions().is_empty());
    assert!(!config.policy_files.notices().has_places());
}

#[test]
fn the_files_are_checked_where_the_secrets_are_not() {
    let secret = "[[upstreams]]\nname = 'a.b'\nca = 'not-here.pem'\n";
    let check = |config: &str, text: &str| {
        let (folder, file) = written(config);
        put(folder.path(), "exceptions/a.toml", text);
        load_notices(Some(&file), now())
    };
    let team = EXCEPTION.replace("docker.io", "a.b");
    let good = check(&format!("{CONFIG}{secret}"), &team).unwrap();
    assert_eq!((good.exceptions().count(), good.warnings().count()), (1, 0));
    let bad = check(&format!("{CONFIG}{secret}"), "[[exception]]").unwrap_err();
    assert!(
        bad.problems
            .iter()
            .all(|it| it.key.starts_with("exception[0].")),
        "{bad}"
    );
    let broken = check("exceptions_dir =\n", EXCEPTION).unwrap_err();
    assert!(broken.to_string().contains("sekisho.toml:1:"), "{broken}");
    let zero = check(&format!("exception_horizon = '0s'\n{CONFIG}"), "").unwrap_err();
    assert!(
        zero.to_string().contains("exception_horizon: is nothing"),
        "{zero}"
    );
}

#[test]
fn the_samples_are_good() {
    let files = [
        (
            "exceptions/example.toml",
            include_str!("../../../../config/exceptions/example.toml"),
        ),
        (
            "advisories/example.toml",
            include_str!("../../../../config/advisories/example.toml"),
        ),
    ];
    let upstream = "[[upstreams]]\nname = 'registry.prod.example'\n";
    let config = load(&format!("{CONFIG}{upstream}"), &files).unwrap();
    assert_eq!(config.all_warnings().count(), 0);
    let policy = config.policy();
    assert_eq!(
        (policy.exceptions().len(), policy.advisories().len()),
        (1, 1)
    );
}

#[test]
fn the_kinds_are_the_labels_of_the_metric() {
    let kinds = PolicyFile::ALL.map(PolicyFile::as_str);
    assert_eq!(kinds, ["config", "exceptions", "advisories"]);
}
