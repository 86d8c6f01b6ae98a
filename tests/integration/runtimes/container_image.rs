//! The final stage of docker/Dockerfile, with the program that these tests
//! test, built by buildah and run by Docker: from scratch it has to bring its
//! own resolver and trust, and needs no root.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::lab::{
    Answer, Authority, Docker, Image, Missing, Origin, Outcome, eventually, free_port, get,
    installed, or_skip, outcome, trivy,
};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// The user of the image.
const NOBODY: u32 = 65532;
const UP_WITHIN: Duration = Duration::from_secs(30);

#[test]
fn the_image_resolves_a_name_and_trusts_only_the_authority_it_was_given() {
    let docker = or_skip!(Docker::start());
    let name = or_skip!(build(&docker));
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
}

/// Builds the final stage on the tested program and hands it to Docker.
fn build(docker: &Docker) -> Result<String, Missing> {
    if !cfg!(target_feature = "crt-static") {
        return Err(Missing::new(
            "the tested program is not static; tests/run builds it so",
        ));
    }
    let buildah = Buildah {
        program: installed("buildah")?,
        folder: tempfile::tempdir().unwrap(),
    };
    let context = buildah.folder.path().join("context");
    fs::create_dir_all(context.join("out/usr/bin")).unwrap();
    fs::create_dir_all(context.join("out/var/lib/sekisho")).unwrap();
    fs::copy(
        env!("CARGO_BIN_EXE_sekisho"),
        context.join("out/usr/bin/sekisho"),
    )
    .unwrap();
    fs::write(context.join("Dockerfile"), "FROM scratch\nCOPY out /out\n").unwrap();
    let bud = ["bud", "--isolation", "chroot", "--pull-never", "-q"];
    buildah.run(&[&bud[..], &["-t", "tested", context.to_str().unwrap()]].concat());
    let dockerfile = format!("{ROOT}/docker/Dockerfile");
    let stage = [
        "-f",
        &dockerfile,
        "--build-arg",
        "BINARY=localhost/tested",
        "-t",
        "sekisho",
    ];
    buildah.run(&[&bud[..], &stage, &[ROOT]].concat());
    let archive = buildah.folder.path().join("image.tar");
    buildah.run(&[
        "push",
        "-q",
        "sekisho",
        &format!("docker-archive:{}:sekisho:tested", archive.display()),
    ]);
    docker
        .run(&["load", "--input", archive.to_str().unwrap()])
        .expect_ok();
    Ok("sekisho:tested".to_owned())
}

struct Buildah {
    program: PathBuf,
    folder: TempDir,
}

impl Buildah {
    fn run(&self, arguments: &[&str]) {
        let mut command = Command::new(&self.program);
        command.args(["--storage-driver", "vfs"]);
        command
            .arg("--root")
            .arg(self.folder.path().join("storage"));
        command.arg("--runroot").arg(self.folder.path().join("run"));
        outcome(command.args(arguments)).expect_ok();
    }
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
        let place = [
            "--network",
            "host",
            "--add-host",
            "upstream.test:127.0.0.1",
            "--read-only",
        ];
        let run = [
            "run", "--detach", "--name", "sekisho", "--volume", &etc, "--volume", &data,
        ];
        docker
            .run(&[&run[..], &place, &[image]].concat())
            .expect_ok();
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
