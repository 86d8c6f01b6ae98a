//! A transaction that never outlives its failure.

use super::{SqlConnection, SqlPool, either, query};

/// A transaction, with its connection. One that did not end as it was told takes the
/// connection with it: after a failure (a full disk above all) SQLite may still be
/// within the transaction or not, and nothing can be begun there any more.
pub struct OpenTransaction {
    connection: SqlConnection,
    ended: bool,
}

impl OpenTransaction {
    /// Begins to write. In SQLite that waits for other processes; in PostgreSQL the row of
    /// `identity` does, which is read first.
    pub async fn write(pool: &SqlPool) -> Result<Self, sqlx::Error> {
        Self::begin(
            pool,
            ("BEGIN IMMEDIATE", "BEGIN ISOLATION LEVEL READ COMMITTED"),
        )
        .await
    }

    /// Begins to read one state of everything.
    pub async fn read(pool: &SqlPool) -> Result<Self, sqlx::Error> {
        let postgres = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        Self::begin(pool, ("BEGIN", postgres)).await
    }

    async fn begin(
        pool: &SqlPool,
        (sqlite, postgres): (&'static str, &'static str),
    ) -> Result<Self, sqlx::Error> {
        let mut open = Self {
            connection: pool.acquire().await?,
            ended: false,
        };
        either(sqlite, postgres).execute(open.sql()).await?;
        Ok(open)
    }

    pub fn sql(&mut self) -> &mut SqlConnection {
        &mut self.connection
    }

    /// Ends it, and keeps what was written. PostgreSQL would answer that with a silent
    /// rollback after a failed statement; such a connection takes no other (see
    /// `PostgresConnection::begin`).
    pub async fn commit(mut self) -> Result<(), sqlx::Error> {
        query("COMMIT").execute(self.sql()).await?;
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
