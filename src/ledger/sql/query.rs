//! One statement with its values.

use std::future::ready;

use futures_util::TryStreamExt;
use futures_util::stream::{BoxStream, StreamExt};

use super::row::ReadRow;
use super::value::SqlValue;
use super::{SqlConnection, SqlPool, dialect, on_postgres, on_sqlite};
use crate::ledger::LedgerError;

/// A statement that is to be run.
#[must_use = "a statement does nothing until it is run"]
pub struct Query {
    text: StatementText,
    values: Vec<SqlValue>,
}

enum StatementText {
    /// In SQLite's words, which PostgreSQL's follow from.
    Common(&'static str),
    Both {
        sqlite: &'static str,
        postgres: &'static str,
    },
}

/// A statement in words that fit both databases: see [`dialect::for_postgres`].
pub fn query(text: &'static str) -> Query {
    Query {
        text: StatementText::Common(text),
        values: Vec::new(),
    }
}

/// A statement whose words differ. In both, `?` stands for values.
pub fn either(sqlite: &'static str, postgres: &'static str) -> Query {
    Query {
        text: StatementText::Both { sqlite, postgres },
        values: Vec::new(),
    }
}

/// What a statement runs on: the next connection that is free, or one's own.
pub enum RunsOn<'a> {
    Pool(&'a SqlPool),
    Connection(&'a mut SqlConnection),
}

impl<'a> From<&'a SqlPool> for RunsOn<'a> {
    fn from(pool: &'a SqlPool) -> Self {
        Self::Pool(pool)
    }
}

impl<'a> From<&'a mut SqlConnection> for RunsOn<'a> {
    fn from(connection: &'a mut SqlConnection) -> Self {
        Self::Connection(connection)
    }
}

impl StatementText {
    fn sqlite(&self) -> &'static str {
        match self {
            Self::Common(text) | Self::Both { sqlite: text, .. } => text,
        }
    }

    fn postgres(&self) -> String {
        match self {
            Self::Common(text) | Self::Both { postgres: text, .. } => dialect::for_postgres(text),
        }
    }
}

impl Query {
    /// Gives it the next value.
    pub fn bind(mut self, value: impl Into<SqlValue>) -> Self {
        self.values.push(value.into());
        self
    }

    /// How many rows it changed.
    pub async fn execute(self, on: impl Into<RunsOn<'_>>) -> Result<u64, sqlx::Error> {
        match on.into() {
            RunsOn::Pool(pool) => self.change(&mut pool.acquire().await?).await,
            RunsOn::Connection(connection) => self.change(connection).await,
        }
    }

    async fn change(self, connection: &mut SqlConnection) -> Result<u64, sqlx::Error> {
        match connection {
            SqlConnection::Sqlite(connection) => {
                on_sqlite::execute(connection, self.text.sqlite(), self.values).await
            }
            SqlConnection::Postgres(connection) => {
                on_postgres::execute(connection, self.text.postgres(), self.values).await
            }
        }
    }

    /// Its rows, one after the other.
    pub fn rows<'a, T: ReadRow + 'a>(
        self,
        connection: &'a mut SqlConnection,
    ) -> BoxStream<'a, Result<T, sqlx::Error>> {
        match connection {
            SqlConnection::Sqlite(connection) => {
                on_sqlite::rows(connection, self.text.sqlite(), self.values)
            }
            SqlConnection::Postgres(connection) => {
                on_postgres::rows(connection, self.text.postgres(), self.values)
            }
        }
    }

    /// All of its rows.
    pub async fn all<T: ReadRow>(self, on: impl Into<RunsOn<'_>>) -> Result<Vec<T>, sqlx::Error> {
        match on.into() {
            RunsOn::Pool(pool) => {
                let mut connection = pool.acquire().await?;
                self.rows(&mut connection).try_collect().await
            }
            RunsOn::Connection(connection) => self.rows(connection).try_collect().await,
        }
    }

    /// Its one row, if there is one.
    pub async fn optional<T: ReadRow>(
        self,
        on: impl Into<RunsOn<'_>>,
    ) -> Result<Option<T>, sqlx::Error> {
        Ok(self.all(on).await?.into_iter().next())
    }

    /// Its one row.
    pub async fn one<T: ReadRow>(self, on: impl Into<RunsOn<'_>>) -> Result<T, sqlx::Error> {
        self.optional(on).await?.ok_or(sqlx::Error::RowNotFound)
    }

    /// The one column of its one row.
    pub async fn value<V>(self, on: impl Into<RunsOn<'_>>) -> Result<V, sqlx::Error>
    where
        (V,): ReadRow,
    {
        self.one::<(V,)>(on).await.map(|(value,)| value)
    }

    /// The one column of its one row, if there is one.
    pub async fn optional_value<V>(
        self,
        on: impl Into<RunsOn<'_>>,
    ) -> Result<Option<V>, sqlx::Error>
    where
        (V,): ReadRow,
    {
        let row = self.optional::<(V,)>(on).await?;
        Ok(row.map(|(value,)| value))
    }

    /// The one column of all its rows.
    pub async fn values<V>(self, on: impl Into<RunsOn<'_>>) -> Result<Vec<V>, sqlx::Error>
    where
        (V,): ReadRow,
    {
        let rows = self.all::<(V,)>(on).await?;
        Ok(rows.into_iter().map(|(value,)| value).collect())
    }

    /// What is read in its rows, in their order: the first `limit` that `wanted` holds
    /// for. Rows after that are not read.
    pub async fn first<T: ReadRow, U>(
        self,
        limit: u32,
        pool: &SqlPool,
        read: impl Fn(T) -> Result<U, LedgerError>,
        wanted: impl Fn(&U) -> bool,
    ) -> Result<Vec<U>, LedgerError> {
        let limit = limit as usize;
        match &mut pool.acquire().await? {
            SqlConnection::Sqlite(connection) => {
                let rows = on_sqlite::rows::<T>(connection, self.text.sqlite(), self.values);
                rows.map(|row| read(row?))
                    .try_filter(|it| ready(wanted(it)))
                    .take(limit)
                    .try_collect()
                    .await
            }
            SqlConnection::Postgres(connection) => {
                let mut found = Vec::new();
                let take = |row| {
                    found.extend(Some(read(row)?).filter(&wanted));
                    Ok(found.len() < limit)
                };
                let text = self.text.postgres();
                on_postgres::while_wanted(connection, text, self.values, take).await?;
                Ok(found)
            }
        }
    }
}
