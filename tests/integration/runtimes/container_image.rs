//! The program's own image, run by Docker with no right that can be taken from it,
//! under the profile of system calls that it comes with (docker/seccomp.json). From scratch it
//! has to bring its own resolver and trust.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use super::own_image::{OwnImage, ROOT};
use crate::lab::{
    Answer, Authority, Docker, Image, Missing, Origin, Outcome, eventually, free_port, get,
    or_skip, outcome, trivy,
};

/// The user of the image.
const NOBODY: u32 = 65532;
const UP_WITHIN: Duration = Duration::from_secs(30);

#[test]
fn the_image_resolves_a_name_and_trusts_only_the_authority_it_was_given() {
    let docker = or_skip!(Docker::start());
    let name = or_skip!(load(&docker));
    let (ours, other) = (Authority::create(), Authority::create());
    let (certificate, key) = ours.leaf("upstream.test");
    let origin = or_skip!(Origin::start_tls(&certificate, &key));
    let image = or_skip!(Origin::start()).image("team/app", "1");
    let house = House::furnish(&origin, &ours, &other);
    house.move_in(&docker, &name);

    let denied = house.get(&format!("/v2/trusted/team/app/manifests/{}", image.tag));
    assert_eq!(
        denied.status,
        403,
        "{}\n{}",
        denied.text(),
        house.log(&docker)
    );
    assert!(denied.text().contains("not-scanned"), "{}", denied.text());
    house.admit(&docker, &origin, &image);
    let pulled = house.get(&format!("/v2/trusted/team/app/blobs/{}", image.layers[0]));
    assert_eq!(pulled.status, 200, "{}", pulled.text());

    let mistrusted = house.get(&format!("/v2/mistrusted/team/app/manifests/{}", image.tag));
    assert_eq!(
        mistrusted.status,
        503,
        "{}\n{}",
        mistrusted.text(),
        house.log(&docker)
    );
    let user = docker
        .run(&["inspect", "--format", "{{.Config.User}}", "sekisho"])
        .expect_ok();
    assert_eq!(user.trim(), format!("{NOBODY}:{NOBODY}"));
    let process = docker.run(&["inspect", "--format", "{{.State.Pid}}", "sekisho"]);
    has_no_rights(process.expect_ok().trim());
    holds_one_file(&docker);
}

fn profile() -> String {
    format!("seccomp={ROOT}/docker/seccomp.json")
}

/// What takes from a container all that can be taken.
fn no_rights(profile: &str) -> [&str; 7] {
    [
        "--read-only",
        "--cap-drop",
        "ALL",
        "--security-opt",
        "no-new-privileges",
        "--security-opt",
        profile,
    ]
}

/// As the kernel tells of a process.
fn has_no_rights(process: &str) {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let told = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_else(|| panic!("{name} {status}")).trim()
    };
    let none = "0000000000000000";
    for set in ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"] {
        assert_eq!(told(set), none, "{set}");
    }
    assert_eq!(told("NoNewPrivs:"), "1");
    assert_eq!(told("Seccomp:"), "2", "a filter");
    let ids = format!("{NOBODY}\t{NOBODY}\t{NOBODY}\t{NOBODY}");
    assert_eq!((told("Uid:"), told("Gid:")), (&*ids, &*ids));
}

/// The program, and nothing that could run beside it.
fn holds_one_file(docker: &Docker) {
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("files.tar");
    let archive = archive.to_str().unwrap();
    docker
        .run(&["export", "--output", archive, "sekisho"])
        .expect_ok();
    let listed = outcome(Command::new("tar").args(["--list", "--verbose", "--file", archive]));
    let listed = listed.expect_ok();
    // Docker's own are empty.
    let files = listed.lines().filter(|line| line.starts_with('-'));
    let words = files.map(|line| line.split_whitespace().collect::<Vec<_>>());
    let filled: Vec<_> = words.filter(|words| words[2] != "0").collect();
    let named: Vec<&str> = filled.iter().map(|words| words[5]).collect();
    assert_eq!(named, ["usr/bin/sekisho"], "{listed}");
    for shell in ["sh", "/bin/sh", "/bin/busybox"] {
        docker
            .run(&["exec", "sekisho", shell, "-c", "true"])
            .expect_failure();
    }
}

/// Hands the image to Docker.
fn load(docker: &Docker) -> Result<String, Missing> {
    let own = OwnImage::build()?;
    docker
        .run(&["load", "--input", own.archive().to_str().unwrap()])
        .expect_ok();
    Ok("sekisho:tested".to_owned())
}

/// What the container gets from outside: its configuration and its data folder.
struct House {
    folder: TempDir,
    registry: String,
    admin: String,
}

impl House {
    fn furnish(origin: &Origin, ours: &Authority, other: &Authority) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let [registry, admin] = [free_port(), free_port()].map(|port| format!("127.0.0.1:{port}"));
        let house = Self {
            folder,
            registry,
            admin,
        };
        open_to_all(house.folder.path());
        for name in ["etc", "data"] {
            fs::create_dir(house.path(name)).unwrap();
            open_to_all(&house.path(name));
        }
        chown(house.path("data"), Some(NOBODY), Some(NOBODY)).unwrap();
        fs::copy(ours.certificate(), house.path("etc/ours.crt")).unwrap();
        fs::copy(other.certificate(), house.path("etc/other.crt")).unwrap();
        fs::write(
            house.path("etc/sekisho.toml"),
            house.configuration(origin.port()),
        )
        .unwrap();
        house
    }

    fn configuration(&self, port: u16) -> String {
        let Self {
            registry, admin, ..
        } = self;
        format!(
            "data_dir = \"/var/lib/sekisho\"\n\
             [[listeners]]\naddress = \"{registry}\"\nenvironment = \"production\"\n\
             [admin]\naddress = \"{admin}\"\npublic_url = \"http://{admin}\"\n\
             [[upstreams]]\nname = \"upstream.test:{port}\"\npath = \"trusted\"\n\
             url = \"https://upstream.test:{port}\"\nca = \"ours.crt\"\n\
             [[upstreams]]\nname = \"other.test:{port}\"\npath = \"mistrusted\"\n\
             url = \"https://upstream.test:{port}\"\nca = \"other.crt\"\n\
             [environments.production]\nrequire = [\"scan\", \"promotion\"]\nplatforms = [\"linux/amd64\"]\n\
             [cache]\nmin_free = \"64MiB\"\n"
        )
    }

    fn move_in(&self, docker: &Docker, image: &str) {
        let etc = format!("{}:/etc/sekisho:ro", self.path("etc").display());
        let data = format!("{}:/var/lib/sekisho", self.path("data").display());
        let place = ["--network", "host", "--add-host", "upstream.test:127.0.0.1"];
        let run = [
            "run", "--detach", "--name", "sekisho", "--volume", &etc, "--volume", &data,
        ];
        let profile = profile();
        let run = [&run[..], &place, &no_rights(&profile), &[image]].concat();
        docker.run(&run).expect_ok();
        eventually("the container's readiness", UP_WITHIN, || {
            let ready = get(&self.admin, "/readyz").is_some_and(|answer| answer.status == 200);
            let state = docker.run(&["inspect", "--format", "{{.State.Running}}", "sekisho"]);
            assert_eq!(state.stdout.trim(), "true", "{}", self.log(docker));
            ready.then_some(())
        });
    }

    fn admit(&self, docker: &Docker, origin: &Origin, image: &Image) {
        let repository = format!("upstream.test:{}/{}", origin.port(), image.repository);
        let name = format!("{repository}@{}", image.digest);
        fs::write(self.path("etc/report.json"), trivy(&repository, image)).unwrap();
        let report = "/etc/sekisho/report.json";
        self.command(
            docker,
            &["scan", "submit", "--image", &name, "--report", report],
        )
        .expect_ok();
        self.command(docker, &["promote", &name, "--to", "production"])
            .expect_ok();
    }

    /// A command inside the container, which finds configuration and token there.
    fn command(&self, docker: &Docker, arguments: &[&str]) -> Outcome {
        docker.run(&[&["exec", "sekisho", "/usr/bin/sekisho"], arguments].concat())
    }

    fn get(&self, path: &str) -> Answer {
        get(&self.registry, path).unwrap()
    }

    fn log(&self, docker: &Docker) -> String {
        docker.run(&["logs", "sekisho"]).text()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

fn open_to_all(folder: &Path) {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
}
