//! kubectl as one user of one cluster. It is the 1.37 one, which serves both.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::NamedTempFile;

use super::Version;
use crate::lab::{Missing, Outcome, outcome};

#[derive(Clone, Debug)]
pub struct Kubectl {
    program: PathBuf,
    kubeconfig: PathBuf,
}

impl Kubectl {
    /// The credentials that it uses.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    pub(super) fn with(kubeconfig: PathBuf) -> Result<Self, Missing> {
        let program = Version::V1_37.program("kubectl")?;
        Ok(Self {
            program,
            kubeconfig,
        })
    }

    pub fn run(&self, arguments: &[&str]) -> Outcome {
        let home = self.kubeconfig.parent().unwrap();
        outcome(
            Command::new(&self.program)
                .arg("--kubeconfig")
                .arg(&self.kubeconfig)
                .args(arguments)
                .env("HOME", home),
        )
    }

    /// `kubectl VERB -f` of this YAML or JSON: apply, create, delete, replace.
    pub fn with_file(&self, verb: &str, text: &str) -> Outcome {
        self.on_file(&[verb], text)
    }

    /// The same with further arguments behind the verb.
    pub fn on_file(&self, arguments: &[&str], text: &str) -> Outcome {
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let path = file.path().to_str().unwrap();
        self.run(&[arguments, &["-f", path]].concat())
    }

    /// What the API server makes of an object, without keeping it.
    pub fn tried(&self, text: &str) -> Outcome {
        self.on_file(&["create", "--dry-run=server", "-o", "json"], text)
    }

    pub fn apply(&self, text: &str) -> Outcome {
        self.with_file("apply", text)
    }

    /// Applies what has to be accepted.
    #[track_caller]
    pub fn applied(&self, text: &str) {
        self.apply(text).expect_ok();
    }

    #[track_caller]
    pub fn create_namespace(&self, name: &str) {
        self.run(&["create", "namespace", name]).expect_ok();
    }

    /// `kubectl get … -o json`; None when there is no such object.
    #[track_caller]
    pub fn get(&self, arguments: &[&str]) -> Option<Value> {
        let get = ["get", "--ignore-not-found", "-o", "json"];
        let text = self.run(&[&get[..], arguments].concat()).expect_ok();
        (!text.trim().is_empty()).then(|| serde_json::from_str(&text).unwrap())
    }

    /// What `kubectl describe pod` says, as people read it, once these words are in it;
    /// panics with what it says instead after `limit`.
    #[track_caller]
    pub fn described(&self, namespace: &str, pod: &str, words: &str, limit: Duration) -> String {
        until(limit, || {
            let describe = ["describe", "pod", "-n", namespace, pod];
            let text = self.run(&describe).expect_ok();
            text.contains(words).then(|| text.clone()).ok_or(text)
        })
    }

    /// The object once `is` holds of it; panics with its last state after `limit`.
    #[track_caller]
    pub fn wait(&self, arguments: &[&str], limit: Duration, is: impl Fn(&Value) -> bool) -> Value {
        until(limit, || match self.get(arguments) {
            Some(object) if is(&object) => Ok(object),
            Some(object) => Err(format!("{object:#}")),
            None => Err(format!("there is no {arguments:?}")),
        })
    }
}

/// What `probe` finds within `limit`; panics with what it said last otherwise.
#[track_caller]
fn until<T>(limit: Duration, mut probe: impl FnMut() -> Result<T, String>) -> T {
    let deadline = Instant::now() + limit;
    loop {
        match probe() {
            Ok(found) => return found,
            Err(last) if Instant::now() > deadline => panic!("after {limit:?} still:\n{last}"),
            Err(_) => pause(),
        }
    }
}

/// A kubectl costs a tenth of a second of a core, which the cluster that is waited
/// for needs too.
fn pause() {
    thread::sleep(Duration::from_millis(200));
}

/// Passes on what was found, and waits a little when that is nothing.
pub(super) fn paced<T>(found: Option<T>) -> Option<T> {
    if found.is_none() {
        pause();
    }
    found
}
