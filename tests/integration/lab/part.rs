//! A process of the lab: started in a group of its own, logged to a file,
//! waited for by asking, killed with all of its group when dropped.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use super::installed;

/// How long any part may take to answer for the first time.
const READY_WITHIN: Duration = Duration::from_secs(60);
const ASK_EVERY: Duration = Duration::from_millis(20);

#[derive(Debug)]
pub struct Part {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Part {
    pub fn start(name: impl Into<String>, command: &Command, log: &Path) -> Self {
        let name = name.into();
        let file = File::options().create(true).append(true).open(log).unwrap();
        let child = mortal(command)
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        Self {
            name,
            child,
            log: log.to_owned(),
        }
    }

    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// What `probe` finds, as soon as it finds it. Panics with the part's log
    /// when the part exits first or takes longer than any part may.
    pub fn ready<T>(&mut self, mut probe: impl FnMut() -> Option<T>) -> T {
        let deadline = Instant::now() + READY_WITHIN;
        loop {
            if let Some(found) = probe() {
                return found;
            }
            let exited = self.child.try_wait().unwrap();
            if exited.is_some() || Instant::now() > deadline {
                panic!("{} is not ready ({exited:?}):\n{}", self.name, self.log());
            }
            thread::sleep(ASK_EVERY);
        }
    }

    pub fn kill(&mut self) {
        self.signal(Signal::KILL);
        let _ = self.child.wait();
    }

    /// Asks it to stop; true when it did so by itself within `limit`.
    pub fn stop(&mut self, limit: Duration) -> bool {
        self.signal(Signal::TERM);
        let ended = self.ends_within(limit);
        if !ended {
            self.kill();
        }
        ended
    }

    /// Whether it ends by itself within `limit`.
    pub fn ends_within(&mut self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        while Instant::now() < deadline {
            if self.child.try_wait().unwrap().is_some() {
                return true;
            }
            thread::sleep(ASK_EVERY);
        }
        false
    }

    /// Of the process that was started.
    pub fn id(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = Pid::from_raw(self.child.id().cast_signed()) {
            let _ = kill_process_group(group, signal);
        }
    }
}

/// The same command, but it dies with this test process, also when that is killed.
fn mortal(command: &Command) -> Command {
    let mut mortal = Command::new(installed("setpriv").expect("setpriv is part of util-linux"));
    mortal
        .args(["--pdeathsig", "KILL", "--"])
        .arg(command.get_program())
        .args(command.get_args());
    mortal.envs(
        command
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    mortal
}

impl Drop for Part {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What a command said and how it ended.
#[derive(Debug)]
pub struct Outcome {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Outcome {
    pub fn ok(&self) -> bool {
        self.code == Some(0)
    }

    /// Everything printed, for assertions on messages.
    pub fn text(&self) -> String {
        format!("{}\n{}", self.stdout, self.stderr)
    }

    /// Standard output of a command that had to succeed.
    #[track_caller]
    pub fn expect_ok(self) -> String {
        assert!(self.ok(), "exit {:?}:\n{}", self.code, self.text());
        self.stdout
    }

    /// Everything printed by a command that had to fail.
    #[track_caller]
    pub fn expect_failure(self) -> String {
        assert!(
            !self.ok(),
            "succeeded, though it had to fail:\n{}",
            self.text()
        );
        self.text()
    }
}

pub fn outcome(command: &mut Command) -> Outcome {
    let output = command
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
    Outcome {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// What `probe` finds within `limit`; panics naming `what` otherwise.
#[track_caller]
pub fn eventually<T>(what: &str, limit: Duration, mut probe: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(
            Instant::now() < deadline,
            "{what} did not happen within {limit:?}"
        );
        thread::sleep(ASK_EVERY);
    }
}

/// A port of loopback that was free a moment ago, and that nobody in this process was
/// given before: the kernel may name the same one twice.
pub fn free_port() -> u16 {
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    loop {
        let probe = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = probe.local_addr().unwrap().port();
        if GIVEN.lock().unwrap().insert(port) {
            return port;
        }
    }
}
