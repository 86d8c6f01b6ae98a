//! One server: its folder, its process, and what happens to it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::files::{as_server_user, give, program};
use super::{Database, Settings, guard};
use crate::lab::{Missing, Outcome, Part, free_port, installed, outcome};

/// Who owns the databases: a role with no rights beyond them.
pub const USER: &str = "sekisho";
pub const PASSWORD: &str = "sesame/with:odd@signs";
/// The password as it stands in a URL.
const ENCODED: &str = "sesame%2Fwith%3Aodd%40signs";
const STOPS_WITHIN: Duration = Duration::from_secs(60);

/// The ways in which a server is asked to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Waits for its clients to leave: with a pool that stays, for the whole limit, and
    /// then it is killed.
    Smart,
    /// Ends the connections, writes what is due.
    Fast,
    /// Leaves at once, as after a crash; the next start recovers.
    Immediate,
}

/// A server. Dropped, it is killed and its folder removed.
#[derive(Debug)]
pub struct Postgres {
    pub(super) part: Part,
    pub(super) port: u16,
    pub(super) folder: TempDir,
    pub(super) settings: Settings,
    databases: AtomicU32,
}

impl Postgres {
    /// The one that all tests share; nobody stops it or changes its settings.
    pub fn shared() -> Result<&'static Self, Missing> {
        static SHARED: OnceLock<Result<Postgres, Missing>> = OnceLock::new();
        let shared = SHARED.get_or_init(start_shared);
        shared.as_ref().map_err(Clone::clone)
    }

    /// One of the test's own.
    pub fn start() -> Result<Self, Missing> {
        Self::start_with(Settings::default())
    }

    /// One of the test's own, set up like this.
    pub fn start_with(settings: Settings) -> Result<Self, Missing> {
        let initdb = program("initdb")?;
        installed("psql")?;
        let folder = own_folder();
        let mut command = as_server_user(&initdb);
        command
            .args(["--no-sync", "--auth=trust", "--username=postgres"])
            .args(["--encoding=UTF8", "--locale=C", "--pgdata"])
            .arg(folder.path().join("data"));
        outcome(&mut command).expect_ok();
        let server = Self::run_in(folder, settings)?;
        let role = format!("CREATE ROLE {USER} LOGIN PASSWORD '{PASSWORD}'");
        server.sql("postgres", &role);
        Ok(server)
    }

    /// Starts what lies in `folder`.
    pub(super) fn run_in(folder: TempDir, settings: Settings) -> Result<Self, Missing> {
        let port = free_port();
        settings.write(folder.path(), &folder.path().join("data"), port);
        let mut server = Self {
            part: run(folder.path())?,
            port,
            folder,
            settings,
            databases: AtomicU32::new(0),
        };
        server.wait_until_ready();
        Ok(server)
    }

    /// A new, empty database of [`USER`]'s, dropped with the value.
    pub fn database(&self) -> Database<'_> {
        let number = 1 + self.databases.fetch_add(1, Ordering::Relaxed);
        Database::create(self, format!("t{number}"))
    }

    /// The address of a database, with user and password.
    pub fn url(&self, database: &str) -> String {
        format!(
            "postgres://{USER}:{ENCODED}@127.0.0.1:{}/{database}",
            self.port
        )
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where its files are: `data` and the socket.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn log(&self) -> String {
        self.part.log()
    }

    /// What the server prints for this SQL, run by its superuser: rows in lines, columns
    /// parted by `|`.
    pub fn ask(&self, database: &str, sql: &str) -> Outcome {
        let psql = installed("psql").expect("it was there at the start");
        outcome(
            Command::new(psql)
                .args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align"])
                .args(["--set", "ON_ERROR_STOP=1", "--username", "postgres"])
                .arg("--host")
                .arg(self.folder())
                .args(["--port", &self.port.to_string()])
                .args(["--dbname", database, "--command", sql]),
        )
    }

    /// What it prints for SQL that has to succeed.
    #[track_caller]
    pub fn sql(&self, database: &str, sql: &str) -> String {
        self.ask(database, sql).expect_ok().trim_end().to_owned()
    }

    /// Stops it, and returns when it is down.
    pub fn stop(&mut self, how: Stop) {
        let signal = match how {
            Stop::Smart => Signal::TERM,
            Stop::Fast => Signal::INT,
            Stop::Immediate => Signal::QUIT,
        };
        let pids = self.processes();
        kill(&pids[..1], signal);
        if !self.part.ends_within(STOPS_WITHIN) {
            self.kill();
        }
    }

    /// Kills all of its processes at once, as a power cut does.
    pub fn kill(&mut self) {
        kill(&self.processes(), Signal::KILL);
        self.part.kill();
    }

    /// Starts it again after [`Postgres::stop`] or [`Postgres::kill`], on the same port.
    pub fn start_again(&mut self) {
        self.part = run(self.folder.path()).expect("it was there at the start");
        self.wait_until_ready();
    }

    /// All of its processes stand still: connections stay open and nothing is answered.
    pub fn freeze(&self) {
        kill(&self.processes(), Signal::STOP);
    }

    pub fn thaw(&self) {
        kill(&self.processes(), Signal::CONT);
    }

    /// Refuses writes from now on, or takes them again; also in connections that are open.
    pub fn read_only(&self, refuses: bool) {
        let word = if refuses { "on" } else { "off" };
        let set = format!("ALTER SYSTEM SET default_transaction_read_only = {word}");
        self.sql("postgres", &set);
        self.sql("postgres", "SELECT pg_reload_conf()");
    }

    /// Ends all connections to all databases; new ones are taken.
    pub fn cut_connections(&self) {
        let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                   WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'";
        self.sql("postgres", end);
    }

    fn wait_until_ready(&mut self) {
        let ready = program("pg_isready").expect("it was there at the start");
        let (folder, port) = (self.folder.path().to_owned(), self.port.to_string());
        self.part.ready(|| {
            let mut command = Command::new(&ready);
            command.arg("--host").arg(&folder).args(["--port", &port]);
            outcome(&mut command).ok().then_some(())
        });
    }

    /// The postmaster first, then its children.
    fn processes(&self) -> Vec<Pid> {
        let main = self.part.id();
        let mut all = vec![main];
        all.extend(guard::children(main));
        all
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.kill();
    }
}

pub(super) fn own_folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    give(folder.path());
    folder
}

fn run(folder: &Path) -> Result<Part, Missing> {
    let mut command = as_server_user(&program("postgres")?);
    command.arg("-D").arg(folder.join("data"));
    Ok(Part::start("PostgreSQL", &command, &log_file(folder)))
}

fn log_file(folder: &Path) -> PathBuf {
    folder.join("log")
}

fn kill(processes: &[Pid], signal: Signal) {
    for process in processes {
        let _ = kill_process(*process, signal);
    }
}

/// In a thread that never ends: a server dies with the thread that started it, and tests
/// end.
fn start_shared() -> Result<Postgres, Missing> {
    let (sender, receiver) = std::sync::mpsc::channel();
    thread::spawn(move || {
        let started = Postgres::start_with(Settings::default().set("synchronous_commit = off"));
        let server = started.as_ref().ok();
        let _watcher = server.map(|it| guard::watch(it.part.id(), it.folder()));
        let _ = sender.send(started);
        loop {
            thread::park();
        }
    });
    receiver.recv().expect("the shared PostgreSQL starts")
}
