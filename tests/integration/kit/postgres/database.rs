//! One database of a server, for one test.

use super::{Postgres, USER};

#[derive(Debug)]
pub struct Database<'server> {
    server: &'server Postgres,
    name: String,
}

impl<'server> Database<'server> {
    pub(super) fn create(server: &'server Postgres, name: String) -> Self {
        server.sql("postgres", &format!("CREATE DATABASE {name} OWNER {USER}"));
        Self { server, name }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// With user and password.
    pub fn url(&self) -> String {
        self.server.url(&self.name)
    }

    /// What the server prints for SQL that has to succeed, run by its superuser.
    #[track_caller]
    pub fn sql(&self, sql: &str) -> String {
        self.server.sql(&self.name, sql)
    }
}

impl Drop for Database<'_> {
    /// Also of clients that are still connected. A server that is down keeps it.
    fn drop(&mut self) {
        let drop = format!("DROP DATABASE {} WITH (FORCE)", self.name);
        let _ = self.server.ask("postgres", &drop);
    }
}
