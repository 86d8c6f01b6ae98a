//! Dumps of a database, by the server's own tools.

use std::path::Path;
use std::process::Command;

use super::files::program;
use super::{Postgres, USER};
use crate::lab::outcome;

impl Postgres {
    fn tool(&self, name: &str) -> Command {
        let mut command = Command::new(program(name).expect("it came with the server"));
        command
            .arg("--host")
            .arg(self.folder())
            .args(["--port", &self.port().to_string()])
            .args(["--username", "postgres"]);
        command
    }

    /// Writes all of a database to a file, while it is used.
    pub fn dump(&self, database: &str, file: &Path) {
        let mut dump = self.tool("pg_dump");
        dump.args(["--format=custom", "--file"])
            .arg(file)
            .arg(database);
        outcome(&mut dump).expect_ok();
    }

    /// Makes the database anew, from that file.
    pub fn put_back(&self, database: &str, file: &Path) {
        let drop = format!("DROP DATABASE {database} WITH (FORCE)");
        self.sql("postgres", &drop);
        let make = format!("CREATE DATABASE {database} OWNER {USER}");
        self.sql("postgres", &make);
        let mut restore = self.tool("pg_restore");
        restore
            .args(["--exit-on-error", "--dbname", database])
            .arg(file);
        outcome(&mut restore).expect_ok();
    }
}
