//! What each look at the files comes to.

use std::fs;
use std::path::Path;

use super::*;
use crate::app::invalid_files::InvalidFiles;
use crate::trust::{EnvironmentName, Mode};

fn now() -> Timestamp {
    "2026-06-01T12:00:00Z".parse().unwrap()
}

fn exception(id: &str) -> String {
    format!(
        "[[exception]]\nvulnerabilities = ['{id}']\nimages = ['docker.io/**']\nreason = 'r'\n\
         link = 'https://a.example/1'\nowner = 'o'\nexpires = 2026-09-30\n"
    )
}

fn advisory(id: &str) -> String {
    format!(
        "[[advisory]]\nid = '{id}'\nvulnerabilities = ['CVE-1']\neffect = 'block'\nreason = 'r'\n\
         link = 'https://a.example/1'\n"
    )
}

/// A folder of files, and what is seen of it.
struct Scene {
    folder: tempfile::TempDir,
    watched: WatchedFiles,
}

impl Scene {
    fn of(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["exceptions", "advisories"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let file = folder.path().join("sekisho.toml");
        fs::write(&file, Self::config("")).unwrap();
        let config = Config::load(Some(&file), |_| None, now()).unwrap();
        let watched = WatchedFiles::new(file, &config);
        Self { folder, watched }
    }

    fn config(more: &str) -> String {
        format!(
            "data_dir = 'data'\nexceptions_dir = 'exceptions'\nadvisories_dir = 'advisories'\n{more}"
        )
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    /// Twice, since what is new is taken at the second look.
    fn look(&mut self) -> bool {
        let first = self.look_once();
        self.look_once() || first
    }

    fn look_once(&mut self) -> bool {
        self.watched.reload(now())
    }

    /// The ids of what is accepted.
    fn accepted(&self) -> Vec<String> {
        let policy = self.watched.files.rulebook();
        let exceptions = policy.exceptions().iter();
        exceptions
            .flat_map(|it| it.vulnerabilities.clone())
            .collect()
    }

    fn advised(&self) -> Vec<String> {
        let policy = self.watched.files.rulebook();
        policy.advisories().iter().map(|it| it.id.clone()).collect()
    }

    /// What is not in force: `kind name`.
    fn invalid(&self) -> Vec<String> {
        let invalid = self.watched.invalid();
        let named = |it: &InvalidFile| format!("{} {}", it.kind.as_str(), it.name);
        invalid.iter().map(named).collect()
    }
}

#[test]
fn nothing_changes_while_nothing_changed() {
    let mut scene = Scene::of(&[("exceptions/a.toml", &exception("CVE-1"))]);
    assert!(!scene.look() && !scene.look());
    // Written again with the same content, as a ConfigMap's update does.
    scene.write("exceptions/a.toml", &exception("CVE-1"));
    assert!(!scene.look());
    assert_eq!(scene.accepted(), ["CVE-1"]);
}

#[test]
fn a_file_comes_changes_and_goes() {
    let mut scene = Scene::of(&[]);
    scene.write("exceptions/a.toml", &exception("CVE-1"));
    assert!(scene.look());
    assert_eq!(scene.accepted(), ["CVE-1"]);
    scene.write("exceptions/a.toml", &exception("CVE-2"));
    assert!(scene.look());
    assert_eq!(scene.accepted(), ["CVE-2"]);
    fs::remove_file(scene.path("exceptions/a.toml")).unwrap();
    assert!(scene.look());
    assert!(scene.accepted().is_empty() && scene.invalid().is_empty());
}

#[test]
fn a_file_that_is_being_written_is_not_taken() {
    let whole = exception("CVE-1");
    let mut scene = Scene::of(&[("exceptions/a.toml", &whole)]);
    let written = Scene::config("");
    for _ in 0..3 {
        scene.write("exceptions/a.toml", "");
        scene.write("sekisho.toml", "");
        assert!(!scene.look_once());
        scene.write("exceptions/a.toml", &whole);
        scene.write("sekisho.toml", &written);
        assert!(!scene.look_once());
        fs::remove_file(scene.path("exceptions/a.toml")).unwrap();
        assert!(!scene.look_once(), "between two versions");
        scene.write("exceptions/a.toml", &whole);
        assert!(!scene.look_once());
    }
    assert_eq!(scene.accepted(), ["CVE-1"]);
    assert!(scene.invalid().is_empty());
}

#[test]
fn a_file_that_changes_at_each_look_is_told_of_until_it_rests() {
    let mut scene = Scene::of(&[]);
    for number in 0..Settling::MAX_UNREST {
        assert!(scene.invalid().is_empty());
        scene.write("sekisho.toml", &Scene::config(&format!("# {number}\n")));
        scene.write("exceptions/a.toml", &exception(&format!("CVE-{number}")));
        assert!(!scene.look_once());
    }
    let told = ["config sekisho.toml", "exceptions a.toml"];
    assert_eq!(scene.invalid(), told);
    assert!(scene.look());
    assert!(scene.invalid().is_empty());
    assert_eq!(scene.accepted(), ["CVE-9"]);
}

/// As after a mount that failed, which must not lift what blocks.
#[test]
fn advisories_of_a_folder_that_is_not_there_are_not_taken_for_none() {
    let scene = Scene::of(&[]);
    let load = || Config::load(Some(&scene.path("sekisho.toml")), |_| None, now());
    fs::remove_dir(scene.path("exceptions")).unwrap();
    assert!(load().is_ok(), "without exceptions nothing is laxer");
    fs::remove_dir(scene.path("advisories")).unwrap();
    let refused = load().unwrap_err().to_string();
    assert!(refused.contains("advisories: is not there"), "{refused}");
}

#[test]
fn a_configuration_that_was_cut_off_is_no_policy() {
    let mut scene = Scene::of(&[("advisories/a.toml", &advisory("SEC-1"))]);
    for cut in ["", "\n", "exceptions_dir = 'exceptions'\n"] {
        scene.write("sekisho.toml", cut);
        assert!(!scene.look(), "{cut}");
        assert_eq!(scene.advised(), ["SEC-1"]);
        assert_eq!(scene.invalid(), ["config sekisho.toml"]);
    }
    scene.write("sekisho.toml", &Scene::config(""));
    scene.look();
    assert!(scene.invalid().is_empty());
}

#[test]
fn an_invalid_file_keeps_its_last_good_content_and_stops_no_other() {
    let mut scene = Scene::of(&[
        ("exceptions/a.toml", &exception("CVE-1")),
        ("exceptions/b.toml", &exception("CVE-2")),
        ("advisories/a.toml", &advisory("SEC-1")),
    ]);
    scene.write("exceptions/a.toml", "[[exception]]");
    assert!(!scene.look(), "nothing in force changed");
    assert_eq!(scene.accepted(), ["CVE-1", "CVE-2"]);
    assert_eq!(scene.invalid(), ["exceptions a.toml"]);
    scene.write("exceptions/b.toml", &exception("CVE-3"));
    scene.write("advisories/a.toml", &advisory("SEC-2"));
    assert!(scene.look());
    assert_eq!(scene.accepted(), ["CVE-1", "CVE-3"]);
    assert_eq!(scene.advised(), ["SEC-2"]);
    assert_eq!(scene.invalid(), ["exceptions a.toml"]);
    scene.write("exceptions/a.toml", &exception("CVE-4"));
    assert!(scene.look());
    assert_eq!(scene.accepted(), ["CVE-4", "CVE-3"]);
    assert!(scene.invalid().is_empty());
}

#[test]
fn an_invalid_file_that_is_removed_takes_its_last_good_content_with_it() {
    let mut scene = Scene::of(&[("exceptions/a.toml", &exception("CVE-1"))]);
    scene.write("exceptions/a.toml", "[[exception]]");
    scene.look();
    fs::remove_file(scene.path("exceptions/a.toml")).unwrap();
    assert!(scene.look());
    assert!(scene.accepted().is_empty() && scene.invalid().is_empty());
}

#[test]
fn a_new_file_that_is_invalid_brings_nothing() {
    let mut scene = Scene::of(&[]);
    scene.write(
        "advisories/a.toml",
        &advisory("SEC-1").replace("reason", "raison"),
    );
    assert!(!scene.look());
    assert!(scene.advised().is_empty());
    assert_eq!(scene.invalid(), ["advisories a.toml"]);
}

#[test]
fn a_folder_that_is_gone_keeps_what_it_held() {
    let mut scene = Scene::of(&[("advisories/a.toml", &advisory("SEC-1"))]);
    fs::rename(scene.path("advisories"), scene.path("elsewhere")).unwrap();
    assert!(!scene.look());
    assert_eq!(scene.advised(), ["SEC-1"]);
    assert_eq!(scene.invalid(), ["advisories ."]);
    fs::rename(scene.path("elsewhere"), scene.path("advisories")).unwrap();
    assert!(!scene.look());
    assert!(scene.invalid().is_empty());
}

#[test]
fn a_folder_that_comes_later_is_followed() {
    let mut scene = Scene::of(&[]);
    for folder in ["exceptions", "advisories"] {
        fs::remove_dir(scene.path(folder)).unwrap();
    }
    assert!(!scene.look());
    assert_eq!(
        scene.invalid(),
        ["advisories ."],
        "without exceptions nothing is laxer"
    );
    for folder in ["exceptions", "advisories"] {
        fs::create_dir(scene.path(folder)).unwrap();
    }
    scene.write("exceptions/a.toml", &exception("CVE-1"));
    scene.write("advisories/a.toml", &advisory("SEC-1"));
    assert!(scene.look());
    assert_eq!(
        (scene.accepted(), scene.advised()),
        (vec!["CVE-1".to_owned()], vec!["SEC-1".to_owned()])
    );
    assert!(scene.invalid().is_empty());
}

#[test]
fn an_odd_entry_keeps_no_file_from_being_followed() {
    use std::os::unix::ffi::OsStrExt;
    let mut scene = Scene::of(&[("advisories/a.toml", &advisory("SEC-1"))]);
    let place = scene.path("advisories");
    std::os::unix::fs::symlink(".", place.join("again")).unwrap();
    fs::write(place.join(std::ffi::OsStr::from_bytes(b"\xff")), "").unwrap();
    fs::write(place.join("long.toml"), "#".repeat(2 << 20)).unwrap();
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mkfifoat(rustix::fs::CWD, place.join("pipe.toml"), mode).unwrap();
    scene.write("advisories/a.toml", &advisory("SEC-2"));
    scene.write("advisories/b.toml", &advisory("SEC-3"));
    assert!(scene.look());
    assert_eq!(scene.advised(), ["SEC-2", "SEC-3"]);
    let expected = ["advisories long.toml", "advisories pipe.toml"];
    assert_eq!(scene.invalid(), expected);
}

#[test]
fn files_beyond_the_limit_take_nothing_from_those_in_force() {
    let mut scene = Scene::of(&[("advisories/z.toml", &advisory("SEC-1"))]);
    for at in 0..4000 {
        scene.write(&format!("advisories/{at}.toml"), "");
    }
    scene.write("advisories/z.toml", &advisory("SEC-2"));
    assert!(scene.look());
    assert_eq!(scene.advised(), ["SEC-2"]);
    assert_eq!(scene.invalid(), ["advisories ."]);
    fs::remove_file(scene.path("advisories/0.toml")).unwrap();
    scene.look();
    assert!(scene.invalid().is_empty());
    assert_eq!(scene.advised(), ["SEC-2"]);
}

#[test]
fn a_folder_in_it_that_cannot_be_entered_keeps_what_it_held() {
    let mut scene = Scene::of(&[]);
    fs::create_dir(scene.path("advisories/web")).unwrap();
    scene.write("advisories/web/a.toml", &advisory("SEC-1"));
    assert!(scene.look());
    // Deeper than is read; permissions do not stop root, who may run this.
    let deep = "d/".repeat(9);
    fs::create_dir_all(scene.path(&format!("advisories/{deep}"))).unwrap();
    fs::rename(
        scene.path("advisories/web"),
        scene.path(&format!("advisories/{deep}web")),
    )
    .unwrap();
    scene.write("advisories/b.toml", &advisory("SEC-2"));
    assert!(scene.look());
    assert_eq!(scene.advised(), ["SEC-2"], "what moved away is gone");
    assert_eq!(scene.invalid(), [format!("advisories {}d", "d/".repeat(8))]);
}

#[test]
fn a_file_that_cannot_be_read_keeps_what_it_held() {
    let mut scene = Scene::of(&[("exceptions/a.toml", &exception("CVE-1"))]);
    fs::remove_file(scene.path("exceptions/a.toml")).unwrap();
    std::os::unix::fs::symlink("none", scene.path("exceptions/a.toml")).unwrap();
    assert!(!scene.look());
    assert_eq!(scene.accepted(), ["CVE-1"]);
    assert_eq!(scene.invalid(), ["exceptions a.toml"]);
}

#[test]
fn an_invalid_configuration_stops_no_exceptions() {
    let mut scene = Scene::of(&[]);
    scene.write("sekisho.toml", &Scene::config("speed = 1\n"));
    scene.write("exceptions/a.toml", &exception("CVE-1"));
    assert!(scene.look());
    assert_eq!(scene.accepted(), ["CVE-1"]);
    assert_eq!(scene.invalid(), ["config sekisho.toml"]);
}

#[test]
fn an_invalid_exception_stops_no_configuration() {
    let mut scene = Scene::of(&[("exceptions/a.toml", &exception("CVE-1"))]);
    scene.write("exceptions/a.toml", "x");
    let warn = Scene::config("[environments.production]\nmode = 'warn'\n");
    scene.write("sekisho.toml", &warn);
    assert!(scene.look());
    let policy = scene.watched.files.rulebook();
    let production = EnvironmentName::parse("production").unwrap();
    let production = policy.environment(&production).unwrap();
    assert_eq!(production.settings.mode, Mode::Warn);
    assert_eq!(scene.accepted(), ["CVE-1"]);
    assert_eq!(scene.invalid(), ["exceptions a.toml"]);
}

#[test]
fn a_shorter_horizon_is_reported_and_takes_nothing_away() {
    let mut scene = Scene::of(&[("exceptions/a.toml", &exception("CVE-1"))]);
    scene.write(
        "sekisho.toml",
        &Scene::config("exception_horizon = '30d'\n"),
    );
    scene.look();
    assert_eq!(scene.accepted(), ["CVE-1"]);
    assert_eq!(scene.invalid(), ["exceptions a.toml"]);
    // A day comes on which it is near enough, though no file changed.
    let later = "2026-09-01T12:00:00Z".parse().unwrap();
    scene.watched.reload(later);
    assert!(scene.invalid().is_empty());
}

#[test]
fn a_configuration_without_the_folders_has_none_of_them() {
    let mut scene = Scene::of(&[("exceptions/a.toml", &exception("CVE-1"))]);
    scene.write("sekisho.toml", "data_dir = 'data'\n");
    assert!(scene.look());
    assert!(scene.accepted().is_empty());
}

#[test]
fn an_advisory_moves_from_one_file_to_another() {
    let mut scene = Scene::of(&[("advisories/z.toml", &advisory("SEC-1"))]);
    scene.write("advisories/a.toml", &advisory("SEC-1"));
    scene.write("advisories/z.toml", "");
    assert!(scene.look());
    assert_eq!(scene.advised(), ["SEC-1"]);
    assert!(scene.invalid().is_empty());
    // Where it stands twice, the newer file is the invalid one.
    scene.write("advisories/0.toml", &advisory("SEC-1"));
    assert!(!scene.look());
    assert_eq!(scene.invalid(), ["advisories 0.toml"]);
    assert_eq!(scene.advised(), ["SEC-1"]);
    fs::remove_file(scene.path("advisories/a.toml")).unwrap();
    assert!(scene.look());
    assert!(scene.invalid().is_empty());
}

#[test]
fn what_is_invalid_is_new_once() {
    let problem = |text: &str| InvalidFile {
        kind: PolicyFile::Exceptions,
        name: "a.toml".to_owned(),
        problems: vec![Problem::of_file(Path::new("a.toml"), text)],
    };
    let files = InvalidFiles::default();
    assert_eq!(files.see(vec![problem("x")]).len(), 1);
    assert_eq!(files.see(vec![problem("x")]).len(), 0);
    assert_eq!(files.see(vec![problem("y")]).len(), 1);
    assert_eq!(files.now().len(), 1);
    assert_eq!(files.see(Vec::new()).len(), 0);
    assert!(files.now().is_empty());
}

#[test]
fn an_environment_that_a_running_cluster_belongs_to_stays() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sekisho.toml");
    let listener = "data_dir = 'data'\n[[listeners]]\nenvironment = 'production'\n\
                    [environments.production]\n";
    let cluster = "[environments.staging]\n[[clusters]]\nname = 'a'\nenvironment = 'staging'\n\
                   gateway = 'g.example'\n";
    fs::write(&file, format!("{listener}{cluster}")).unwrap();
    let config = Config::load(Some(&file), |_| None, now()).unwrap();
    let mut watched = WatchedFiles::new(file.clone(), &config);
    let cluster = "[[clusters]]\nname = 'a'\nenvironment = 'production'\ngateway = 'g.example'\n";
    fs::write(&file, format!("{listener}{cluster}")).unwrap();
    assert!(!watched.reload(now()) && !watched.reload(now()));
    let told = &watched.invalid()[0].problems[0].text;
    assert!(
        told.contains("staging is gone, and the cluster a still"),
        "{told}"
    );
}

#[test]
fn a_key_that_needs_a_restart_is_told_of_until_it_is_as_at_the_start() {
    let mut scene = Scene::of(&[]);
    let keys = |scene: &Scene| -> Vec<String> {
        let warnings = scene.watched.warnings();
        warnings.into_iter().map(|it| it.key).collect()
    };
    assert!(scene.watched.newly_pending().is_empty());
    scene.write(
        "sekisho.toml",
        &Scene::config("[cache]\nmax_size = '3GiB'\n"),
    );
    scene.look();
    assert_eq!(keys(&scene), ["cache.max_size"]);
    let told = scene.watched.newly_pending()[0].to_string();
    let expected = "cache.max_size: changed since the start, and takes effect at the next one";
    assert!(told.contains(expected), "{told}");
    // Once, and again when it is another key.
    scene.look();
    assert!(scene.watched.newly_pending().is_empty());
    assert_eq!(keys(&scene), ["cache.max_size"]);
    scene.write("sekisho.toml", &Scene::config("[drain]\ndelay = '1s'\n"));
    scene.look();
    assert_eq!(scene.watched.newly_pending().len(), 1, "{:?}", keys(&scene));
    // A file that does not hold together changes nothing of that.
    scene.write("sekisho.toml", "[");
    scene.look();
    assert_eq!(keys(&scene).len(), 1);
    scene.write("sekisho.toml", &Scene::config(""));
    scene.look();
    assert!(keys(&scene).is_empty());
}
