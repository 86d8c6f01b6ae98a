//! Credentials by a command: a registry's own helper, run when they are wanted.

use std::fmt;
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::io::ioctl_fionbio;
use rustix::process::{Pid, Signal, kill_process_group};
use serde::Deserialize;
use tokio::time::{Instant, sleep};

use super::UpstreamCredentials;
use crate::oci::{RegistryHost, printable};

/// How long a command may run.
const MAX_TIME: Duration = Duration::from_secs(10);
/// What a command may print, in bytes.
const MAX_OUTPUT: usize = 64 << 10;
/// How much of what it complains of is kept for the log, in bytes.
const MAX_COMPLAINT: usize = 2 << 10;
/// How often a running command is looked at.
const POLL_INTERVAL: Duration = Duration::from_millis(10);
/// Reads of one look, so that what never ends is looked at again.
const MAX_READS_PER_POLL: usize = 16;

/// A program that prints credentials. It is run without a shell, with the gateway's own
/// environment; the registry's host is on its standard input.
///
/// With a `username` its output is the password, as of `aws ecr get-login-password`.
/// Without, it is what Docker's credential helpers print,
/// `{"Username": "…", "Secret": "…"}`, or `username:password`.
#[derive(Clone)]
pub struct CredentialCommand {
    pub program: String,
    pub arguments: Vec<String>,
    pub username: Option<String>,
}

/// Arguments may be secrets.
impl fmt::Debug for CredentialCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CredentialCommand({:?})", self.program)
    }
}

/// Why a command gave no credentials.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum CommandFailure {
    #[error("their command cannot be run: {0}")]
    NotRun(io::ErrorKind),
    #[error("their command did not end within {} s", MAX_TIME.as_secs())]
    TooSlow,
    #[error("their command printed over {} KiB", MAX_OUTPUT >> 10)]
    TooLong,
    #[error("their command failed with {0}")]
    Failed(ExitStatus),
    #[error("their command printed no credentials")]
    NoCredentials,
}

impl From<io::Error> for CommandFailure {
    fn from(error: io::Error) -> Self {
        Self::NotRun(error.kind())
    }
}

impl CredentialCommand {
    /// Runs it once, within bounds of time and output. What it starts ends with it.
    pub(super) async fn run(
        &self,
        host: &RegistryHost,
    ) -> Result<UpstreamCredentials, CommandFailure> {
        self.run_until(host, Instant::now() + MAX_TIME).await
    }

    async fn run_until(
        &self,
        host: &RegistryHost,
        end: Instant,
    ) -> Result<UpstreamCredentials, CommandFailure> {
        let mut running = Running::start(self, host)?;
        let status = loop {
            running.read()?;
            if let Some(status) = running.child.try_wait()? {
                break status;
            }
            if Instant::now() >= end {
                return Err(CommandFailure::TooSlow);
            }
            sleep(POLL_INTERVAL).await;
        };
        running.is_over = true;
        running.read()?;
        if !status.success() {
            let complaint = String::from_utf8_lossy(&running.complaint);
            let complaint = printable(complaint.trim(), 300);
            tracing::warn!(upstream = %host, %status, complaint, "a credentials command failed");
            return Err(CommandFailure::Failed(status));
        }
        self.read(&running.output)
            .ok_or(CommandFailure::NoCredentials)
    }

    fn read(&self, output: &[u8]) -> Option<UpstreamCredentials> {
        let text = std::str::from_utf8(output).ok()?.trim();
        let (username, password) = match &self.username {
            Some(username) => (username.clone(), text.to_owned()),
            None if text.starts_with('{') => {
                let printed: HelperAnswer = serde_json::from_str(text).ok()?;
                (printed.username, printed.secret)
            }
            None => {
                let (username, password) = text.split_once(':')?;
                (username.to_owned(), password.to_owned())
            }
        };
        // An identity token of Docker's helpers is no password.
        let usable = !username.is_empty() && username != "<token>" && !password.is_empty();
        let one_line = !password.contains(char::is_control);
        (usable && one_line).then(|| UpstreamCredentials {
            username,
            password: password.into(),
        })
    }
}

/// What Docker's credential helpers print. Without `Debug`: it holds a secret.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HelperAnswer {
    username: String,
    secret: String,
}

/// A command under way. Dropped before its end, it and all that it started are killed.
struct Running {
    child: Child,
    output: Vec<u8>,
    complaint: Vec<u8>,
    is_over: bool,
}

impl Running {
    fn start(command: &CredentialCommand, host: &RegistryHost) -> io::Result<Self> {
        let child = Command::new(&command.program)
            .args(&command.arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()?;
        let mut running = Self {
            child,
            output: Vec::new(),
            complaint: Vec::new(),
            is_over: false,
        };
        let child = &mut running.child;
        if let Some(output) = &child.stdout {
            ioctl_fionbio(output, true)?;
        }
        if let Some(complaint) = &child.stderr {
            ioctl_fionbio(complaint, true)?;
        }
        if let Some(mut input) = child.stdin.take() {
            // Fits into the pipe; a command need not read it.
            let _ = writeln!(input, "{host}");
        }
        Ok(running)
    }

    /// Takes what was printed since the last look.
    fn read(&mut self) -> Result<(), CommandFailure> {
        if let Some(output) = &mut self.child.stdout {
            take(output, &mut self.output, MAX_OUTPUT + 1)?;
        }
        if let Some(complaint) = &mut self.child.stderr {
            take(complaint, &mut self.complaint, MAX_COMPLAINT)?;
        }
        match self.output.len() > MAX_OUTPUT {
            true => Err(CommandFailure::TooLong),
            false => Ok(()),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.is_over {
            let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
            let _ = self.child.wait();
        }
    }
}

/// Reads what is there without waiting, and keeps `limit` bytes of all that came.
fn take(pipe: &mut impl Read, kept: &mut Vec<u8>, limit: usize) -> io::Result<()> {
    let mut piece = [0; 8192];
    for _ in 0..MAX_READS_PER_POLL {
        match pipe.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(length) => {
                let room = limit.saturating_sub(kept.len());
                kept.extend_from_slice(&piece[..length.min(room)]);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn shell(script: &str, username: Option<&str>) -> CredentialCommand {
        CredentialCommand {
            program: "/bin/sh".to_owned(),
            arguments: vec!["-c".to_owned(), script.to_owned()],
            username: username.map(str::to_owned),
        }
    }

    async fn run(command: CredentialCommand) -> Result<(String, String), CommandFailure> {
        let host = RegistryHost::parse("r.corp").unwrap();
        let found = command.run(&host).await?;
        Ok((found.username, found.password.expose_secret().to_owned()))
    }

    #[tokio::test]
    async fn takes_what_helpers_print() {
        let me = Ok(("me".to_owned(), "s:e".to_owned()));
        for (script, username) in [
            ("echo s:e", Some("me")),
            ("printf 's:e'", Some("me")),
            ("echo me:s:e", None),
            (
                r#"echo '{"ServerURL":"https://r.corp","Username":"me","Secret":"s:e"}'"#,
                None,
            ),
            ("read host; [ $host = r.corp ] && echo me:s:e", None),
        ] {
            assert_eq!(run(shell(script, username)).await, me, "{script}");
        }
    }

    #[tokio::test]
    async fn names_what_went_wrong() {
        for script in [
            "true",
            "echo",
            "echo word",
            "echo '{}'",
            r#"echo '{"Username":"<token>","Secret":"x"}'"#,
            "printf 'me:a\\nb'",
            "printf '\\377'",
        ] {
            let failed = run(shell(script, None)).await;
            assert_eq!(failed, Err(CommandFailure::NoCredentials), "{script}");
        }
        let failed = run(shell("echo me:secret; exit 3", None)).await;
        assert!(
            matches!(failed, Err(CommandFailure::Failed(_))),
            "{failed:?}"
        );
        assert!(!failed.unwrap_err().to_string().contains("secret"));
        let gone = CredentialCommand {
            program: "/nowhere/at/all".to_owned(),
            arguments: Vec::new(),
            username: None,
        };
        let not_found = io::ErrorKind::NotFound;
        assert_eq!(run(gone).await, Err(CommandFailure::NotRun(not_found)));
    }

    #[tokio::test]
    async fn ends_what_prints_without_end() {
        let failed = run(shell("yes", None)).await;
        assert_eq!(failed, Err(CommandFailure::TooLong));
        let failed = run(shell("yes >&2 & sleep 1; echo me:x", None)).await;
        assert_eq!(failed, Ok(("me".to_owned(), "x".to_owned())));
    }

    #[tokio::test]
    async fn ends_what_does_not_end_and_all_that_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pid");
        let script = format!("sleep 600 & echo $! > {}; wait", file.display());
        let host = RegistryHost::parse("r.corp").unwrap();
        let end = Instant::now() + Duration::from_secs(1);
        let failed = shell(&script, None).run_until(&host, end).await;
        assert_eq!(failed.err(), Some(CommandFailure::TooSlow));
        let child = std::fs::read_to_string(&file).unwrap();
        let state = format!("/proc/{}/stat", child.trim());
        let is_gone = || std::fs::read_to_string(&state).map_or(true, |text| text.contains(") Z "));
        while !is_gone() {
            std::thread::yield_now();
        }
    }
}
