//! The real Trivy, on a vulnerability database of the tests' own. It reaches no
//! network but loopback.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use jiff::Timestamp;
use tempfile::TempDir;

use super::{Missing, Outcome, built, outcome};

/// What Trivy can print of one scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Print {
    Json,
    Sarif,
    /// A bill of materials with the vulnerabilities of what it lists.
    CycloneDx,
    /// The predicate of an attestation, for cosign to sign.
    CosignVuln,
    /// GitLab's container scanning report, by the template that Trivy ships.
    GitLab,
}

impl Print {
    pub const ALL: [Self; 5] = [
        Self::Json,
        Self::Sarif,
        Self::CycloneDx,
        Self::CosignVuln,
        Self::GitLab,
    ];
}

#[derive(Debug)]
pub struct Trivy {
    program: PathBuf,
    folder: TempDir,
}

impl Trivy {
    /// One whose database was built a moment ago.
    pub fn find() -> Result<Self, Missing> {
        Self::with_database_of(Timestamp::now())
    }

    pub fn with_database_of(updated_at: Timestamp) -> Result<Self, Missing> {
        let (program, maker) = (built("trivy", "trivy")?, built("trivy", "make-db")?);
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("cache/db");
        outcome(
            Command::new(maker)
                .arg(database)
                .arg(updated_at.to_string()),
        )
        .expect_ok();
        let docker = folder.path().join("docker");
        fs::create_dir(&docker).unwrap();
        fs::write(docker.join("config.json"), "{}").unwrap();
        Ok(Self { program, folder })
    }

    pub fn program(&self) -> &Path {
        &self.program
    }

    /// The settings with which it stays on this machine: also for scripts that run
    /// it by themselves.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let path = |name: &str| self.folder.path().join(name).display().to_string();
        let mut environment = vec![
            ("TRIVY_CACHE_DIR", path("cache")),
            ("DOCKER_CONFIG", path("docker")),
            ("TRIVY_TIMEOUT", "60s".to_owned()),
        ];
        let on = [
            "TRIVY_SKIP_DB_UPDATE",
            "TRIVY_SKIP_JAVA_DB_UPDATE",
            "TRIVY_OFFLINE_SCAN",
            "TRIVY_SKIP_VERSION_CHECK",
            "TRIVY_DISABLE_TELEMETRY",
        ];
        environment.extend(on.map(|name| (name, "true".to_owned())));
        environment
    }

    /// The report on an image of a registry, by digest.
    pub fn scan(&self, image: &str) -> String {
        self.print(Print::Json, image)
    }

    pub fn print(&self, print: Print, image: &str) -> String {
        let template = format!("@{}", self.program.with_file_name("gitlab.tpl").display());
        let format: &[&str] = match print {
            Print::Json => &["--format", "json"],
            Print::Sarif => &["--format", "sarif"],
            Print::CycloneDx => &["--format", "cyclonedx"],
            Print::CosignVuln => &["--format", "cosign-vuln"],
            Print::GitLab => &["--format", "template", "--template", &template],
        };
        let scan = [
            "image",
            "--quiet",
            "--scanners",
            "vuln",
            "--image-src",
            "remote",
        ];
        self.run(&[&scan[..], format, &[image]].concat())
            .expect_ok()
    }

    /// The report on what an inventory of the image lists (`trivy sbom`).
    pub fn scan_inventory(&self, image: &str) -> String {
        let inventory = self.folder.path().join("inventory.json");
        let inventory = inventory.to_str().unwrap();
        let list = ["image", "--quiet", "--image-src", "remote"];
        let to_file = ["--format", "cyclonedx", "--output", inventory];
        self.run(&[&list[..], &to_file, &[image]].concat())
            .expect_ok();
        self.run(&["sbom", "--quiet", "--format", "json", inventory])
            .expect_ok()
    }

    /// The report on what a bill of materials in CycloneDX lists.
    pub fn scan_bill(&self, bill: &str) -> String {
        let file = self.folder.path().join("bill.json");
        fs::write(&file, bill).unwrap();
        let scan = ["sbom", "--quiet", "--format", "json"];
        self.run(&[&scan[..], &[file.to_str().unwrap()]].concat())
            .expect_ok()
    }

    /// What dates its database, for `--scanner-info`.
    pub fn version(&self) -> String {
        self.run(&["version", "--format", "json"]).expect_ok()
    }

    fn run(&self, arguments: &[&str]) -> Outcome {
        outcome(
            Command::new(&self.program)
                .args(arguments)
                .envs(self.environment())
                .current_dir(self.folder.path()),
        )
    }
}
