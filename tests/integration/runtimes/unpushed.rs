//! Bypass 26 with a real client: podman takes a manifest that carries a scanned
//! image's config and other layers, so an image ID must be worth nothing by itself.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::lab::{
    Gateway, Image, Missing, Origin, Podman, Setup, digest_of, installed, or_skip, outcome, trivy,
};

/// A gateway before one registry that may be pushed to.
struct Bench {
    folder: TempDir,
    registry: Origin,
    gateway: Gateway,
}

impl Bench {
    fn open() -> Result<Self, Missing> {
        let folder = tempfile::tempdir().unwrap();
        let registry = Origin::on_copy(folder.path())?;
        let setup = Setup::new().upstream("development", registry.address(), registry.address());
        Ok(Self {
            gateway: Gateway::start(&setup),
            folder,
            registry,
        })
    }

    fn image(&self, repository: &str) -> Image {
        self.registry.image(repository, "1")
    }

    fn skopeo(&self, arguments: &[&str]) {
        let skopeo = installed("skopeo").unwrap_or_else(|_| panic!("skopeo came with podman"));
        outcome(Command::new(skopeo).args(arguments)).expect_ok();
    }

    /// Copies an image into a folder of plain files.
    fn unpack(&self, image: &Image, name: &str) -> std::path::PathBuf {
        let folder = self.folder.path().join(name);
        let source = format!("docker://{}/{}", self.registry.address(), image.by_digest());
        let target = format!("dir:{}", folder.display());
        self.skopeo(&["copy", "--src-tls-verify=false", &source, &target]);
        folder
    }

    /// Pushes the config of one image over the layers of another.
    fn push_forged(&self, config_of: &Image, layers_of: &Image) -> String {
        let (clean, evil) = (
            self.unpack(config_of, "clean"),
            self.unpack(layers_of, "evil"),
        );
        let mut manifest = manifest(&evil);
        manifest["config"] = self::manifest(&clean)["config"].clone();
        let config = manifest["config"]["digest"].as_str().unwrap();
        let blob = config.strip_prefix("sha256:").unwrap();
        fs::copy(clean.join(blob), evil.join(blob)).unwrap();
        let bytes = manifest.to_string();
        fs::write(evil.join("manifest.json"), &bytes).unwrap();
        let source = format!("dir:{}", evil.display());
        let target = format!("docker://{}/team/forged:1", self.registry.address());
        self.skopeo(&[
            "copy",
            "--preserve-digests",
            "--dest-tls-verify=false",
            &source,
            &target,
        ]);
        digest_of(bytes.as_bytes())
    }

    fn command(&self, arguments: &[&str]) -> crate::lab::Outcome {
        self.gateway.command(arguments)
    }

    fn named(&self, repository: &str, digest: &str) -> String {
        format!("{}/{repository}@{digest}", self.registry.address())
    }
}

fn manifest(folder: &Path) -> Value {
    serde_json::from_slice(&fs::read(folder.join("manifest.json")).unwrap()).unwrap()
}

/// What Trivy writes of an image that lies in no registry.
fn before_the_push(image: &Image) -> String {
    let mut report: Value = serde_json::from_str(&trivy("app", image)).unwrap();
    report["Metadata"]["RepoDigests"] = Value::Array(Vec::new());
    report.to_string()
}

#[test]
fn podman_gets_no_other_layers_under_a_scanned_image_id() {
    let podman = or_skip!(Podman::find());
    let bench = or_skip!(Bench::open());
    let (app, other) = (bench.image("team/app"), bench.image("team/other"));
    let report = bench.folder.path().join("report.json");
    fs::write(&report, before_the_push(&app)).unwrap();
    let report = report.to_str().unwrap();
    let pushed_as = format!("{}/team/app:1", bench.registry.address());
    let gated = [
        "scan",
        "submit",
        "--image-id",
        &app.config,
        "--image",
        &pushed_as,
        "--report",
        report,
        "--gate",
        "production",
    ];
    bench.command(&gated).expect_ok();
    let forged = bench.push_forged(&app, &other);
    // podman itself takes it: nothing but the gate stands in the way.
    let direct = format!("{}/team/forged@{forged}", bench.registry.address());
    podman.pull(&direct).expect_ok();
    let at_gateway = format!(
        "{}/development/team/forged@{forged}",
        bench.gateway.address()
    );
    let denied = podman.pull(&at_gateway).expect_failure();
    assert!(denied.contains("sekisho: not-scanned"), "{denied}");
    // Bound by whoever scanned it, the image that was scanned is admitted.
    let app_named = bench.named("team/app", &app.amd64);
    bench
        .command(&[
            "scan",
            "bind",
            "--image",
            &app_named,
            "--image-id",
            &app.config,
        ])
        .expect_ok();
    bench
        .command(&["promote", &app_named, "--to", "production"])
        .expect_ok();
    let served = format!(
        "{}/development/team/app@{}",
        bench.gateway.address(),
        app.amd64
    );
    // In a storage that does not hold the forged one under the same ID already.
    let elsewhere = or_skip!(Podman::find());
    elsewhere.pull(&served).expect_ok();
    elsewhere.pull(&at_gateway).expect_failure();
}
