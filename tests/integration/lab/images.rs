//! The images of the tests, made once by buildah from nothing but a static
//! busybox, and kept as the storage of a `docker-registry`: every origin of
//! every test starts on that storage.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{
    CLEAN, CRITICAL, MEDIUM, Missing, Origin, Package, debian, get, hidden, installed, outcome,
};

/// Changes when the recipes below do.
const RECIPE: &str = "images-4";
const SINGLE: &str = "FROM scratch\nCOPY busybox /bin/sh\nCOPY greeting /greeting\nCMD [\"/bin/sh\", \"-c\", \"cat /greeting\"]\n";
/// What a Pod runs, and what its sandbox is made of; it ends by itself.
const SLEEPER: &str =
    "FROM scratch\nCOPY busybox /bin/sh\nCOPY busybox /bin/sleep\nCMD [\"/bin/sleep\", \"900\"]\n";
/// A distribution without a program: nobody runs it, scanners read it.
const DISTRIBUTION: &str = "FROM scratch\nCOPY root /\n";
/// Four layers of random bytes above busybox.
const LARGE: &str = "FROM scratch\nCOPY busybox /bin/sh\nCOPY a /a\nCOPY b /b\nCOPY c /c\nCOPY d /d\nCMD [\"/bin/sh\"]\n";
const LARGE_LAYER: u64 = 16 << 20;

/// The storage folder with `team/app:1`, `team/other:1`, `team/spare:1`,
/// `team/multi:1` (an index of amd64 and arm64), `team/large:1`,
/// `team/sleeper:1`, the distributions `team/critical:1`, `team/medium:1` and `team/clean:1`,
/// and `team/hidden:1`, whose packages are critical's and whose system nobody can tell.
pub fn storage() -> Result<PathBuf, Missing> {
    static STORAGE: OnceLock<Result<PathBuf, Missing>> = OnceLock::new();
    STORAGE.get_or_init(make).clone()
}

fn make() -> Result<PathBuf, Missing> {
    let made = Path::new(env!("CARGO_TARGET_TMPDIR")).join(RECIPE);
    if made.is_dir() {
        return Ok(made);
    }
    let busybox = installed("busybox")?;
    installed("docker-registry")?;
    let kitchen = Kitchen {
        buildah: installed("buildah")?,
        folder: tempfile::tempdir().unwrap(),
    };
    let making = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    {
        let registry = Origin::on_storage(making.path())?;
        for name in ["app", "other", "spare"] {
            kitchen.single(name, SINGLE, &busybox, &registry);
        }
        kitchen.single("sleeper", SLEEPER, &busybox, &registry);
        kitchen.multi(&busybox, &registry);
        kitchen.large(&busybox, &registry);
        for (name, packages) in [("critical", CRITICAL), ("medium", MEDIUM), ("clean", CLEAN)] {
            kitchen.distribution(name, packages, &registry, debian);
        }
        kitchen.distribution("hidden", CRITICAL, &registry, hidden);
    }
    // Another test run may have been faster: its storage is as good.
    if fs::rename(making.keep(), &made).is_err() {
        assert!(made.is_dir());
    }
    Ok(made)
}

struct Kitchen {
    buildah: PathBuf,
    folder: tempfile::TempDir,
}

impl Kitchen {
    fn single(&self, name: &str, recipe: &str, busybox: &Path, registry: &Origin) {
        self.build(name, &self.context(name, recipe, busybox));
        self.push(&["push"], name, registry);
    }

    fn distribution(
        &self,
        name: &str,
        packages: &[Package],
        registry: &Origin,
        write: fn(&Path, &[Package]),
    ) {
        let context = self.folder.path().join(name);
        write(&context.join("root"), packages);
        fs::write(context.join("Dockerfile"), DISTRIBUTION).unwrap();
        self.build(name, &context);
        self.push(&["push"], name, registry);
    }

    /// The second platform's program is the first one's: nobody runs it.
    fn multi(&self, busybox: &Path, registry: &Origin) {
        let context = self.context("multi", SINGLE, busybox);
        let both = [
            "--platform",
            "linux/amd64",
            "--platform",
            "linux/arm64",
            "--manifest",
            "multi",
        ];
        self.run(
            &[
                &["bud", "--isolation", "chroot", "-q"][..],
                &both,
                &[path(&context)],
            ]
            .concat(),
        );
        self.push(&["manifest", "push", "--all"], "multi", registry);
    }

    fn large(&self, busybox: &Path, registry: &Origin) {
        let context = self.context("large", LARGE, busybox);
        for layer in ["a", "b", "c", "d"] {
            let mut random = File::open("/dev/urandom").unwrap().take(LARGE_LAYER);
            std::io::copy(&mut random, &mut File::create(context.join(layer)).unwrap()).unwrap();
        }
        self.run(&[
            "bud",
            "--isolation",
            "chroot",
            "--layers",
            "-q",
            "-t",
            "large",
            path(&context),
        ]);
        self.push(&["push"], "large", registry);
    }

    fn context(&self, name: &str, recipe: &str, busybox: &Path) -> PathBuf {
        let context = self.folder.path().join(name);
        fs::create_dir(&context).unwrap();
        fs::copy(busybox, context.join("busybox")).unwrap();
        fs::write(context.join("Dockerfile"), recipe).unwrap();
        writeln!(
            File::create(context.join("greeting")).unwrap(),
            "I am {name}"
        )
        .unwrap();
        context
    }

    fn build(&self, name: &str, context: &Path) {
        let bud = ["bud", "--isolation", "chroot", "-q", "-t", name];
        self.run(&[&bud[..], &[path(context)]].concat());
    }

    fn push(&self, verb: &[&str], name: &str, registry: &Origin) {
        let target = format!("docker://{}/team/{name}:1", registry.address());
        self.run(&[verb, &["-q", "--tls-verify=false", name, &target]].concat());
    }

    fn run(&self, arguments: &[&str]) {
        let storage = self.folder.path();
        outcome(
            Command::new(&self.buildah)
                .args(["--storage-driver", "vfs"])
                .arg("--root")
                .arg(storage.join("storage"))
                .arg("--runroot")
                .arg(storage.join("run"))
                .args(arguments),
        )
        .expect_ok();
    }
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// An image as its registry holds it.
#[derive(Clone, Debug)]
pub struct Image {
    pub repository: String,
    pub tag: String,
    /// Of the manifest or index that the tag names.
    pub digest: String,
    /// The image for amd64 inside an index; the image itself otherwise.
    pub amd64: String,
    /// The children of an index for other platforms.
    pub others: Vec<String>,
    pub config: String,
    pub layers: Vec<String>,
    pub diff_ids: Vec<String>,
}

impl Image {
    pub fn read(registry: &str, repository: &str, tag: &str) -> Self {
        let (digest, top) = manifest(registry, repository, tag);
        let amd64 = child_for(&top, "amd64").unwrap_or_else(|| digest.clone());
        let others = digests(&top["manifests"])
            .into_iter()
            .filter(|child| *child != amd64)
            .collect();
        let (_, image) = manifest(registry, repository, &amd64);
        let config = text(&image["config"]["digest"]);
        let body = get(registry, &format!("/v2/{repository}/blobs/{config}"))
            .unwrap()
            .json();
        let diff_ids = body["rootfs"]["diff_ids"]
            .as_array()
            .unwrap()
            .iter()
            .map(text)
            .collect();
        let (repository, tag, layers) = (
            repository.to_owned(),
            tag.to_owned(),
            digests(&image["layers"]),
        );
        Self {
            repository,
            tag,
            digest,
            amd64,
            others,
            config,
            layers,
            diff_ids,
        }
    }

    /// `repository:tag`
    pub fn by_tag(&self) -> String {
        format!("{}:{}", self.repository, self.tag)
    }

    /// `repository@digest`
    pub fn by_digest(&self) -> String {
        format!("{}@{}", self.repository, self.digest)
    }
}

fn manifest(registry: &str, repository: &str, reference: &str) -> (String, Value) {
    let answer = get(registry, &format!("/v2/{repository}/manifests/{reference}")).unwrap();
    assert_eq!(
        answer.status,
        200,
        "{repository}:{reference}: {}",
        answer.text()
    );
    (digest_of(&answer.body), answer.json())
}

fn child_for(index: &Value, architecture: &str) -> Option<String> {
    let children = index["manifests"].as_array()?;
    children
        .iter()
        .find(|child| child["platform"]["architecture"] == architecture)
        .map(|child| text(&child["digest"]))
}

fn digests(descriptors: &Value) -> Vec<String> {
    descriptors
        .as_array()
        .into_iter()
        .flatten()
        .map(|descriptor| text(&descriptor["digest"]))
        .collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// `sha256:` and the hash of these bytes.
pub fn digest_of(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    hash.iter().fold("sha256:".to_owned(), |text, byte| {
        text + &format!("{byte:02x}")
    })
}
