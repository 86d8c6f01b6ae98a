//! Runs programs of the runtimes, found on the PATH, with a timeout.

use std::env;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::cli::failure::Failure;

/// A pull that is denied takes well under a second; one that hangs proves nothing.
const PULL_TIMEOUT: Duration = Duration::from_secs(120);
/// How much of what a program prints is kept, in characters.
const MAX_OUTPUT_CHARS: usize = 2000;

/// Where administrators' programs lie besides the PATH.
const EXTRA_PATHS: [&str; 3] = ["/usr/local/bin", "/usr/sbin", "/sbin"];

/// Exit status and output of a program.
#[derive(Debug)]
pub struct ToolOutput {
    pub success: bool,
    /// Standard error, then output; whole lines, joined.
    pub text: String,
    pub stdout: String,
}

pub fn find(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(EXTRA_PATHS.map(PathBuf::from))
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

/// The program, or which one is missing for what.
pub fn need(name: &str, whose: &str) -> Result<PathBuf, Failure> {
    find(name).ok_or_else(|| {
        Failure::new(format!("{name}, the tool of {whose}, is not on the PATH"))
            .next("install it, or check the files alone with --files-only")
    })
}

/// Runs it to its end, or to the deadline.
pub async fn run(mut command: Command) -> Result<ToolOutput, Failure> {
    let name = command.get_program().to_string_lossy().into_owned();
    let failed = |error: &dyn std::fmt::Display| Failure::new(format!("{name}: {error}"));
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(|error| failed(&error))?;
    let group = Pid::from_raw(child.id().cast_signed());
    let mut done = spawn_blocking(move || child.wait_with_output());
    let ended = match timeout(PULL_TIMEOUT, &mut done).await {
        Ok(ended) => ended,
        Err(_) => {
            group.map(|group| kill_process_group(group, Signal::KILL));
            done.await
        }
    };
    let output = ended
        .map_err(|error| failed(&error))?
        .map_err(|error| failed(&error))?;
    Ok(said(&output))
}

fn said(output: &Output) -> ToolOutput {
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    let stderr = String::from_utf8_lossy(&output.stderr);
    let lines = stderr.lines().chain(stdout.lines());
    let lines: Vec<&str> = lines
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    ToolOutput {
        success: output.status.success(),
        text: lines.join("; ").chars().take(MAX_OUTPUT_CHARS).collect(),
        stdout,
    }
}
