//! One of the two databases, on a connection of the copy's own.

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, SqliteConnection};

use super::shape::{self, CopyTable};
use crate::ledger::opened::Opened;
use crate::ledger::sql::{PostgresServer, SessionUse};
use crate::ledger::{LedgerAccess, LedgerError, LedgerLocation, postgres_database, sqlite_file};

/// A database whose schema is this program's, and that nobody else writes meanwhile.
pub struct CopyEnd {
    pub connection: EndConnection,
    /// Until the end; what it holds open is the lock.
    _opened: Opened,
}

pub enum EndConnection {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl CopyEnd {
    /// Opens it, and makes its tables where there are none.
    pub async fn open(location: &LedgerLocation) -> Result<Self, LedgerError> {
        let access = LedgerAccess::Serve;
        let opened = match location {
            LedgerLocation::File(path) => sqlite_file::open(path, access).await?,
            LedgerLocation::Server(options) => postgres_database::open(options, access).await?,
        };
        opened.readers.close().await;
        opened.writer.close().await;
        Ok(Self {
            connection: EndConnection::open(location).await?,
            _opened: opened,
        })
    }

    /// Begins to read one state of it, which nobody changes before this ends.
    pub async fn hold(&mut self) -> Result<(), LedgerError> {
        match &mut self.connection {
            EndConnection::Sqlite(_) => self.run("BEGIN IMMEDIATE").await,
            EndConnection::Postgres(_) => {
                self.run("BEGIN ISOLATION LEVEL REPEATABLE READ").await?;
                // Every write begins with this table's row.
                self.run("LOCK TABLE identity IN EXCLUSIVE MODE").await
            }
        }
    }

    pub async fn run(&mut self, statement: &str) -> Result<(), LedgerError> {
        let text = AssertSqlSafe(statement.to_owned());
        match &mut self.connection {
            EndConnection::Sqlite(sql) => {
                sqlx::query(text).execute(sql).await?;
            }
            EndConnection::Postgres(sql) => {
                sqlx::query(text).execute(sql).await?;
            }
        }
        Ok(())
    }

    /// The one number that a statement returns.
    pub async fn number(&mut self, statement: &str) -> Result<i64, LedgerError> {
        let text = AssertSqlSafe(statement.to_owned());
        Ok(match &mut self.connection {
            EndConnection::Sqlite(sql) => sqlx::query_scalar(text).fetch_one(sql).await?,
            EndConnection::Postgres(sql) => sqlx::query_scalar(text).fetch_one(sql).await?,
        })
    }

    pub async fn tables(&mut self) -> Result<Vec<CopyTable>, LedgerError> {
        match &mut self.connection {
            EndConnection::Sqlite(sql) => shape::of_sqlite(sql).await,
            EndConnection::Postgres(sql) => shape::of_postgres(sql).await,
        }
    }

    pub async fn close(self) -> Result<(), LedgerError> {
        match self.connection {
            EndConnection::Sqlite(sql) => sql.close().await?,
            EndConnection::Postgres(sql) => sql.close().await?,
        }
        Ok(())
    }
}

impl EndConnection {
    async fn open(location: &LedgerLocation) -> Result<Self, LedgerError> {
        match location {
            LedgerLocation::File(path) => {
                // Parents come first, and what is copied was checked where it was written.
                let options = SqliteConnectOptions::new()
                    .filename(path)
                    .foreign_keys(false)
                    .disable_statement_logging();
                let sql = SqliteConnection::connect_with(&options).await?;
                Ok(Self::Sqlite(sql))
            }
            LedgerLocation::Server(options) => {
                let server = PostgresServer::new(options.clone());
                let mut sql = server.connect(SessionUse::Migrate).await?;
                // The other end may take its time between two statements.
                let patient = "SET idle_in_transaction_session_timeout = '10min'";
                sqlx::query(patient).execute(&mut sql).await?;
                Ok(Self::Postgres(sql))
            }
        }
    }
}
