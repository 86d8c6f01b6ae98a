//! A server whose data lie on a disk of its own, which a test fills and empties.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use super::files::{as_server_user, program};
use super::server::own_folder;
use super::{PASSWORD, Settings, USER};
use crate::lab::{Missing, Outcome, Part, as_root, free_port, installed, outcome};

const ENOUGH: &str = "size=600m";
/// Mounts the disk in a mount namespace of its own, makes a server there, and becomes it.
const BECOME: &str = "mount -t tmpfs -o \"$1,mode=700,uid=$(id -u postgres)\" tmpfs \"$0/data\" && \
    setpriv --reuid postgres --regid postgres --init-groups \"$2\" --no-sync --auth=trust \
    --username=postgres --encoding=UTF8 --locale=C --pgdata \"$0/data\" && shift 2 && exec \"$@\"";

/// A server. Dropped, it is killed, and its disk is gone with it.
#[derive(Debug)]
pub struct PostgresOnDisk {
    part: Part,
    port: u16,
    folder: TempDir,
}

impl PostgresOnDisk {
    pub fn start() -> Result<Self, Missing> {
        as_root()?;
        let (unshare, _) = (installed("unshare")?, installed("nsenter")?);
        installed("psql")?;
        let (folder, port) = (own_folder(), free_port());
        let data = folder.path().join("data");
        std::fs::create_dir(&data).unwrap();
        Settings::default().write(folder.path(), folder.path(), port);
        let mut command = Command::new(unshare);
        command.args(["--mount", "sh", "-c", BECOME]);
        command.arg(folder.path()).arg(ENOUGH);
        command.arg(program("initdb")?);
        let server = as_server_user(&program("postgres")?);
        command.arg(server.get_program()).args(server.get_args());
        command.arg("-D").arg(&data);
        for (setting, file) in [
            ("config_file", "postgresql.conf"),
            ("hba_file", "pg_hba.conf"),
        ] {
            let file = folder.path().join(file);
            command
                .arg("-c")
                .arg(format!("{setting}={}", file.display()));
        }
        let part = Part::start("PostgreSQL", &command, &folder.path().join("log"));
        let mut server = Self { part, port, folder };
        let role = format!("CREATE ROLE {USER} LOGIN PASSWORD '{PASSWORD}'");
        let place = server.folder.path().to_owned();
        server
            .part
            .ready(|| ask(&place, port, &role).ok().then_some(()));
        let database = format!("CREATE DATABASE trust OWNER {USER}");
        ask(&place, port, &database).expect_ok();
        Ok(server)
    }

    /// The table `[ledger]` for its database `trust`, with the password in that file.
    pub fn table(&self, password_file: &Path) -> String {
        std::fs::write(password_file, PASSWORD).unwrap();
        format!(
            "[ledger]\nurl = \"postgres://{USER}@127.0.0.1:{}/trust\"\npassword_file = \"{}\"\n",
            self.port,
            password_file.display()
        )
    }

    /// Leaves no byte free; whether that was so at one moment.
    pub fn fill(&self) -> bool {
        let seen = format!("/proc/{}/cwd", self.part.id().as_raw_nonzero());
        let status = rustix::fs::statvfs(seen.as_str()).unwrap();
        let used = (status.f_blocks - status.f_bfree) * status.f_frsize;
        self.remount(&format!("size={used}"))
    }

    pub fn make_room(&self) {
        assert!(self.remount(ENOUGH));
    }

    fn remount(&self, options: &str) -> bool {
        let mut command = Command::new(installed("nsenter").unwrap());
        let process = self.part.id().as_raw_nonzero().to_string();
        command.args(["--target", &process, "--mount", "mount", "-o"]);
        command.arg(format!("remount,{options}"));
        outcome(command.arg(self.folder.path().join("data"))).ok()
    }

    pub fn log(&self) -> String {
        self.part.log()
    }
}

fn ask(folder: &Path, port: u16, sql: &str) -> Outcome {
    let mut command = Command::new(installed("psql").unwrap());
    command.args(["--no-psqlrc", "--quiet", "--username", "postgres", "--host"]);
    command.arg(folder).args(["--port", &port.to_string()]);
    outcome(command.args(["--dbname", "postgres", "--command", sql]))
}
