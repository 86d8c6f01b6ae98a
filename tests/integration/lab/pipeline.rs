//! A project's pipeline: the scripts of `config/gitlab/scripts` as jobs run them,
//! with what a runner and GitLab's variables stand for.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::{Missing, Outcome, Package, Trivy, debian, installed, outcome};

pub const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config/gitlab/scripts");
const DOCKERFILE: &str = "FROM scratch\nCOPY root /\n";
const HOOK: &str =
    "#!/bin/sh\ncat >/dev/null\nenv | sed -n 's/^GIT_PUSH_OPTION_[0-9]*=//p' | sort >>options\n";

#[derive(Debug)]
pub struct Pipeline {
    folder: TempDir,
    environment: Vec<(String, String)>,
    trivy: Option<Trivy>,
}

impl Pipeline {
    /// Of a project whose image is a Debian with these packages. Without a scanner.
    pub fn of(packages: &[Package]) -> Result<Self, Missing> {
        for program in ["buildah", "skopeo", "git", "jq"] {
            installed(program)?;
        }
        let folder = tempfile::tempdir().unwrap();
        let storage = format!(
            "[storage]\ndriver = \"vfs\"\ngraphroot = \"{0}/graph\"\nrunroot = \"{0}/run\"\n",
            folder.path().join("storage").display()
        );
        fs::write(folder.path().join("storage.conf"), storage).unwrap();
        let mut pipeline = Self {
            folder,
            environment: Vec::new(),
            trivy: None,
        };
        pipeline.change(packages);
        pipeline.furnish();
        Ok(pipeline)
    }

    /// Gives its jobs a scanner.
    pub fn with(mut self, trivy: Trivy) -> Self {
        for (name, value) in trivy.environment() {
            self.set(name, &value);
        }
        self.trivy = Some(trivy);
        self
    }

    /// The project's next commit: the same image with these packages.
    pub fn change(&self, packages: &[Package]) {
        let checkout = self.checkout();
        debian(&checkout.join("root"), packages);
        fs::write(checkout.join("Dockerfile"), DOCKERFILE).unwrap();
    }

    fn furnish(&mut self) {
        let storage = self.folder.path().join("storage.conf");
        self.set("HOME", &self.folder.path().display().to_string());
        self.set("CONTAINERS_STORAGE_CONF", &storage.display().to_string());
        self.set("BUILDAH_ISOLATION", "chroot");
        self.set("CI_COMMIT_SHORT_SHA", "1a2b3c4d");
        self.set(
            "CI_PIPELINE_URL",
            "https://gitlab.example/team/app/-/pipelines/7",
        );
        self.set("SEKISHO_REGISTRY_INSECURE", "true");
    }

    /// Sekisho and the scanner are found first, then what the machine has.
    fn path(&self) -> OsString {
        let scanner = self.trivy.iter().map(Trivy::program);
        let programs = [Path::new(env!("CARGO_BIN_EXE_sekisho"))].into_iter();
        let folders = programs.chain(scanner).filter_map(Path::parent);
        let path = env::var_os("PATH").unwrap_or_default();
        let rest = env::split_paths(&path);
        env::join_paths(folders.map(Path::to_owned).chain(rest)).unwrap()
    }

    /// A variable of all following jobs.
    pub fn set(&mut self, name: &str, value: &str) {
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// Runs a script of the component in the project's checkout.
    pub fn run(&self, script: &str) -> Outcome {
        self.run_with(script, &[])
    }

    /// The same with variables of this job alone.
    pub fn run_with(&self, script: &str, variables: &[(&str, &str)]) -> Outcome {
        let given = |(name, value): &(String, String)| (name.clone(), value.clone());
        outcome(
            Command::new("sh")
                .arg(Path::new(SCRIPTS).join(script))
                .env_remove("SEKISHO_CONFIG")
                .env("PATH", self.path())
                .envs(self.environment.iter().map(given))
                .envs(variables.iter().copied())
                .current_dir(self.checkout()),
        )
    }

    /// A file that a job left for the next ones.
    pub fn left(&self, name: &str) -> String {
        let file = self.checkout().join("sekisho-out").join(name);
        fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
    }

    pub fn checkout(&self) -> PathBuf {
        self.folder.path().join("checkout")
    }
}

/// The repository of manifests that Argo CD follows: bare, on this machine.
#[derive(Debug)]
pub struct Manifests {
    folder: TempDir,
}

impl Manifests {
    /// With these files on its branch `main`.
    pub fn with(files: &[(&str, &str)]) -> Result<Self, Missing> {
        installed("git")?;
        let manifests = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        let init = ["init", "--quiet", "--bare", "--initial-branch", "main"];
        outcome(Command::new("git").args(init).arg(manifests.folder.path())).expect_ok();
        manifests.git(&["config", "receive.advertisePushOptions", "true"]);
        let hook = manifests.folder.path().join("hooks/pre-receive");
        fs::create_dir_all(hook.parent().unwrap()).unwrap();
        fs::write(&hook, HOOK).unwrap();
        fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
        manifests.commit(files);
        Ok(manifests)
    }

    fn commit(&self, files: &[(&str, &str)]) {
        let work = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let file = work.path().join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        let author = "user.email=nobody@example.invalid";
        let commit = [
            "-c",
            "user.name=Nobody",
            "-c",
            author,
            "commit",
            "-q",
            "-m",
            "Begin",
        ];
        let steps: [&[&str]; 4] = [
            &["init", "-q", "-b", "main"],
            &["add", "--all"],
            &commit,
            &["push", "-q", &self.address(), "main"],
        ];
        for step in steps {
            let mut git = Command::new("git");
            git.arg("-C").arg(work.path()).args(step);
            outcome(git.env("HOME", self.folder.path())).expect_ok();
        }
    }

    pub fn address(&self) -> String {
        format!("file://{}", self.folder.path().display())
    }

    pub fn branches(&self) -> Vec<String> {
        let names = self.git(&["branch", "--format", "%(refname:short)"]);
        names.lines().map(str::to_owned).collect()
    }

    pub fn file(&self, branch: &str, name: &str) -> String {
        self.git(&["show", &format!("{branch}:{name}")])
    }

    /// What GitLab was asked for with the pushes, one option a line.
    pub fn push_options(&self) -> String {
        fs::read_to_string(self.folder.path().join("options")).unwrap_or_default()
    }

    fn git(&self, arguments: &[&str]) -> String {
        let mut git = Command::new("git");
        git.arg("--git-dir").arg(self.folder.path()).args(arguments);
        outcome(git.env("HOME", self.folder.path())).expect_ok()
    }
}
