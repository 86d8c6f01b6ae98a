//! Where the programs are: on the PATH, or built by `tests/setup/go-tools`.

use std::env;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::thread;

/// What this machine lacks, in words for the summary of `tests/run`.
#[derive(Clone, Debug)]
pub struct Missing(String);

impl Missing {
    pub fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }

    /// Says which test was skipped and why: on standard error, and in the file
    /// that `SEKISHO_SKIPS` names, from which `tests/run` counts.
    pub fn skip(self) {
        let test = thread::current().name().unwrap_or("?").to_owned();
        let line = format!("{test}: {}\n", self.0);
        eprint!("skipped {line}");
        if let Some(file) = env::var_os("SEKISHO_SKIPS") {
            let mut file = OpenOptions::new()
                .create(true)
                .append(true)
                .open(file)
                .unwrap();
            file.write_all(line.as_bytes()).unwrap();
        }
    }
}

/// A program of the distribution.
pub fn installed(name: &str) -> Result<PathBuf, Missing> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin"].map(PathBuf::from))
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
        .ok_or_else(|| Missing::new(format!("{name} is not installed")))
}

/// A program that `tests/setup/go-tools` built from the module of that name.
pub fn built(module: &str, name: &str) -> Result<PathBuf, Missing> {
    let tools = env::var_os("SEKISHO_LAB")
        .ok_or_else(|| Missing::new(format!("{module} is not built (SEKISHO_LAB is not set)")))?;
    let file = Path::new(&tools).join(module).join(name);
    if file.is_file() {
        Ok(file)
    } else {
        Err(Missing::new(format!("{} is not built", file.display())))
    }
}

/// Daemons that mount and unpack need root.
pub fn as_root() -> Result<(), Missing> {
    if rustix::process::geteuid().is_root() {
        Ok(())
    } else {
        Err(Missing::new("needs root"))
    }
}
