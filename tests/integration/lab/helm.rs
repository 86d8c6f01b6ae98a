//! Helm with the project's chart.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::{NamedTempFile, TempDir};

use super::kubernetes::Kubectl;
use super::{Missing, Outcome, built, outcome};

const CHART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config/helm/sekisho");
/// Until hooks have run.
const TIMEOUT: [&str; 2] = ["--timeout", "180s"];

#[derive(Debug)]
pub struct Helm {
    program: PathBuf,
    kubeconfig: Option<PathBuf>,
    home: TempDir,
}

impl Helm {
    /// Without a cluster, to render and to lint.
    pub fn alone() -> Result<Self, Missing> {
        Ok(Self {
            program: built("helm", "helm")?,
            kubeconfig: None,
            home: tempfile::tempdir().unwrap(),
        })
    }

    /// As whom `kubectl` speaks for.
    pub fn beside(kubectl: &Kubectl) -> Result<Self, Missing> {
        let kubeconfig = Some(kubectl.kubeconfig().to_owned());
        Ok(Self {
            kubeconfig,
            ..Self::alone()?
        })
    }

    pub fn run(&self, arguments: &[&str]) -> Outcome {
        self.run_in(self.home.path(), arguments)
    }

    pub fn run_in(&self, folder: &Path, arguments: &[&str]) -> Outcome {
        let mut command = Command::new(&self.program);
        command.env("HOME", self.home.path()).current_dir(folder);
        command.args(arguments);
        if let Some(kubeconfig) = &self.kubeconfig {
            command.arg("--kubeconfig").arg(kubeconfig);
        }
        outcome(&mut command)
    }

    /// A verb with the chart and these values, in YAML, for the namespace `sekisho`.
    pub fn with_chart(&self, verb: &[&str], values: &str, arguments: &[&str]) -> Outcome {
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(values.as_bytes()).unwrap();
        let file = file.path().to_str().unwrap();
        let place = [CHART, "--namespace", "sekisho", "--values", file];
        self.run(&[verb, &place, arguments].concat())
    }

    /// `helm template`: the objects of the release and of its hooks, or why there are none.
    pub fn template(&self, values: &str, arguments: &[&str]) -> Result<Vec<Value>, String> {
        let verb = ["template", "sekisho"];
        let run = self.with_chart(&verb, values, arguments);
        match run.ok() {
            true => Ok(documents(&run.stdout)),
            false => Err(run.text()),
        }
    }

    /// `helm upgrade --install`, hooks and all.
    pub fn install(&self, values: &str, arguments: &[&str]) -> Outcome {
        let verb = ["upgrade", "--install", "sekisho", "--create-namespace"];
        self.with_chart(&verb, values, &[&TIMEOUT, arguments].concat())
    }

    pub fn uninstall(&self) -> Outcome {
        self.run(&["uninstall", "sekisho", "--namespace", "sekisho"])
    }
}

fn documents(text: &str) -> Vec<Value> {
    let all: Vec<Value> = serde_saphyr::from_multiple(text).unwrap();
    all.into_iter().filter(|one| !one.is_null()).collect()
}
