//! One connection.

use std::time::Duration;

use sqlx::Sqlite;
use sqlx::pool::PoolConnection;

use super::postgres_pool::{ANSWER_TIMEOUT, PostgresConnection};

/// A connection that nobody else uses meanwhile.
pub enum SqlConnection {
    Sqlite(PoolConnection<Sqlite>),
    Postgres(PostgresConnection),
}

impl SqlConnection {
    /// It is closed when it is dropped, and nobody is given it again.
    pub fn close_on_drop(&mut self) {
        match self {
            Self::Sqlite(connection) => connection.close_on_drop(),
            Self::Postgres(connection) => connection.close_on_drop(),
        }
    }

    /// How long an answer is waited for, until it is given back; `None`: as for others. A file
    /// has no such limit.
    pub fn wait_for(&mut self, patience: Option<Duration>) {
        if let Self::Postgres(connection) = self {
            connection.patience = patience.unwrap_or(ANSWER_TIMEOUT);
        }
    }

    /// Gives back what it keeps in this process of pages that it read, as far as it does:
    /// SQLite's are 2 MB of each connection, and the kernel has them, too.
    pub async fn give_back_pages(&mut self) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(connection) => {
                let shrink = sqlx::query("PRAGMA shrink_memory");
                shrink.execute(&mut **connection).await?;
                Ok(())
            }
            Self::Postgres(_) => Ok(()),
        }
    }
}
