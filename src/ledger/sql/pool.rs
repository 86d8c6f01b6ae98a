//! Connections that are open, and wait for statements.

use sqlx::SqlitePool;

use super::SqlConnection;
use super::postgres_pool::PostgresPool;

/// The connections to one database.
pub enum SqlPool {
    Sqlite(SqlitePool),
    Postgres(PostgresPool),
}

impl SqlPool {
    /// A connection of one's own, until it is dropped.
    pub async fn acquire(&self) -> Result<SqlConnection, sqlx::Error> {
        match self {
            Self::Sqlite(pool) => Ok(SqlConnection::Sqlite(pool.acquire().await?)),
            Self::Postgres(pool) => Ok(SqlConnection::Postgres(pool.acquire().await?)),
        }
    }

    /// Ends all connections.
    pub async fn close(&self) {
        match self {
            Self::Sqlite(pool) => pool.close().await,
            Self::Postgres(pool) => pool.close().await,
        }
    }
}
