//! A streaming standby, and its promotion.

use std::time::Duration;

use super::files::{as_server_user, program};
use super::server::own_folder;
use super::{Postgres, Settings};
use crate::lab::{eventually, outcome};

const STREAMS_WITHIN: Duration = Duration::from_secs(60);

impl Postgres {
    /// A copy of this server that follows it.
    pub fn standby(&self) -> Self {
        self.standby_with(self.settings.clone())
    }

    /// The same, and from now on nothing is acknowledged here that the copy has not
    /// received.
    pub fn synchronous_standby(&self) -> Self {
        let standby = self.standby();
        self.sql(
            "postgres",
            "ALTER SYSTEM SET synchronous_standby_names = '*'",
        );
        self.sql("postgres", "SELECT pg_reload_conf()");
        let state = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'";
        eventually("a synchronous standby", STREAMS_WITHIN, || {
            (self.sql("postgres", state) == "1").then_some(())
        });
        standby
    }

    fn standby_with(&self, settings: Settings) -> Self {
        let folder = own_folder();
        let mut command = as_server_user(&program("pg_basebackup").unwrap());
        command
            .args(["--host", self.folder().to_str().unwrap()])
            .args(["--port", &self.port().to_string(), "--username=postgres"])
            .args([
                "--write-recovery-conf",
                "--wal-method=stream",
                "--checkpoint=fast",
            ])
            .args(["--no-sync", "--pgdata"])
            .arg(folder.path().join("data"));
        outcome(&mut command).expect_ok();
        let standby = Self::run_in(folder, settings).unwrap();
        let streaming = "SELECT count(*) FROM pg_stat_wal_receiver WHERE status = 'streaming'";
        eventually("the standby's streaming", STREAMS_WITHIN, || {
            (standby.sql("postgres", streaming) == "1").then_some(())
        });
        standby
    }

    /// Makes a standby take writes; returns when it does.
    pub fn promote(&self) {
        self.sql("postgres", "SELECT pg_promote(true, 60)");
    }

    /// Whether it only follows another one.
    pub fn is_standby(&self) -> bool {
        self.sql("postgres", "SELECT pg_is_in_recovery()") == "t"
    }
}
