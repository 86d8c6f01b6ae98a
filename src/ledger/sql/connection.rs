//! One connection.

use sqlx::Sqlite;
use sqlx::pool::PoolConnection;

use super::postgres_pool::PostgresConnection;

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
}
