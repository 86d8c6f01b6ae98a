//! The database on a PostgreSQL server: reached, and brought up to date.

use std::sync::Arc;

use super::change_listener::ChangeListener;
use super::opened::Opened;
use super::sql::{PostgresPool, PostgresServer, SessionUse, SqlPool};
use super::{LedgerAccess, LedgerError, PostgresOptions, schema};

/// Lists and looks into evidence, at the same time.
const READER_CONNECTIONS: usize = 8;
/// Writes take turns anyway; evidence is written and leases are held beside them.
const WRITER_CONNECTIONS: usize = 3;

/// Opens the database, and makes its tables where there are none.
pub(super) async fn open(
    options: &PostgresOptions,
    access: LedgerAccess,
) -> Result<Opened, LedgerError> {
    let server = Arc::new(PostgresServer::new(options.clone()));
    let mut sql = server.connect(SessionUse::Migrate).await?;
    schema::migrate_server(&mut sql, access).await?;
    drop(sql);
    let pool = |usage, limit| SqlPool::Postgres(PostgresPool::new(server.clone(), usage, limit));
    Ok(Opened {
        writer: pool(SessionUse::Write, WRITER_CONNECTIONS),
        readers: pool(SessionUse::Read, READER_CONNECTIONS),
        lock: None,
        placement: None,
        listener: Some(ChangeListener::new(server.clone())),
    })
}

/// Whether there is a ledger in the database.
pub(super) async fn is_there(options: &PostgresOptions) -> Result<bool, LedgerError> {
    let server = PostgresServer::new(options.clone());
    let mut sql = server.connect(SessionUse::Read).await?;
    Ok(schema::versions_on_server(&mut sql).await?.is_some())
}
