//! A transaction that never outlives its failure.

use sqlx::pool::PoolConnection;
use sqlx::{Sqlite, SqliteConnection, SqlitePool};

/// A transaction, with its connection. One that did not end as it was told takes the
/// connection with it: after a failure (a full disk above all) SQLite may still be
/// within the transaction or not, and nothing can be begun there any more.
pub(super) struct OpenTransaction {
    connection: PoolConnection<Sqlite>,
    ended: bool,
}

impl OpenTransaction {
    /// Begins to write, once no other process does.
    pub async fn write(pool: &SqlitePool) -> Result<Self, sqlx::Error> {
        Self::begin(pool, "BEGIN IMMEDIATE").await
    }

    /// Begins to read one state of everything.
    pub async fn read(pool: &SqlitePool) -> Result<Self, sqlx::Error> {
        Self::begin(pool, "BEGIN").await
    }

    async fn begin(pool: &SqlitePool, statement: &'static str) -> Result<Self, sqlx::Error> {
        let mut open = Self {
            connection: pool.acquire().await?,
            ended: false,
        };
        sqlx::query(statement).execute(open.sql()).await?;
        Ok(open)
    }

    pub fn sql(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }

    /// Ends it, and keeps what was written.
    pub async fn commit(mut self) -> Result<(), sqlx::Error> {
        sqlx::query("COMMIT").execute(self.sql()).await?;
        self.ended = true;
        Ok(())
    }
}

impl Drop for OpenTransaction {
    fn drop(&mut self) {
        if !self.ended {
            self.connection.close_on_drop();
        }
    }
}
