//! The schema: which version is there, and which this program knows. Both databases have
//! the same versions.

use sqlx::migrate::Migrator;
use sqlx::{PgConnection, SqlitePool};

use super::{LedgerAccess, LedgerError};

static FOR_SQLITE: Migrator = sqlx::migrate!("src/ledger/migrations");
static FOR_POSTGRES: Migrator = sqlx::migrate!("src/ledger/migrations/postgres");

/// The version of the newest migration in this program.
pub(super) fn known_schema() -> i64 {
    newest(&FOR_SQLITE)
}

fn newest(migrations: &Migrator) -> i64 {
    migrations.iter().map(|m| m.version).max().unwrap_or(0)
}

/// The version of the schema in a database; `None` when it is new.
pub(super) async fn found_schema(pool: &SqlitePool) -> Result<Option<i64>, LedgerError> {
    let table = "SELECT count(*) FROM sqlite_schema WHERE name = '_sqlx_migrations'";
    let tables: i64 = sqlx::query_scalar(table).fetch_one(pool).await?;
    if tables == 0 {
        return Ok(None);
    }
    let version = "SELECT max(version) FROM _sqlx_migrations";
    Ok(sqlx::query_scalar(version).fetch_one(pool).await?)
}

/// The versions of the schema on a server; `None` when it is new.
pub(super) async fn versions_on_server(
    sql: &mut PgConnection,
) -> Result<Option<Vec<i64>>, LedgerError> {
    let table = "SELECT to_regclass('_sqlx_migrations') IS NOT NULL";
    let is_there: bool = sqlx::query_scalar(table).fetch_one(&mut *sql).await?;
    if !is_there {
        return Ok(None);
    }
    let versions = "SELECT version FROM _sqlx_migrations ORDER BY version";
    Ok(Some(sqlx::query_scalar(versions).fetch_all(sql).await?))
}

/// Brings a file up to this program's schema.
pub(super) async fn migrate(writer: &SqlitePool, access: LedgerAccess) -> Result<(), LedgerError> {
    may_go_on(found_schema(writer).await?, access)?;
    Ok(FOR_SQLITE.run(writer).await?)
}

/// The same, on a server, where an advisory lock keeps others from it meanwhile. One that
/// lacks nothing is not written: it may be read-only.
pub(super) async fn migrate_server(
    sql: &mut PgConnection,
    access: LedgerAccess,
) -> Result<(), LedgerError> {
    let found = versions_on_server(sql).await?.unwrap_or_default();
    may_go_on(found.last().copied(), access)?;
    match FOR_POSTGRES.iter().all(|it| found.contains(&it.version)) {
        true => Ok(()),
        false => Ok(FOR_POSTGRES.run_direct(None, sql, false).await?),
    }
}

/// A client never changes the schema under a running serve.
fn may_go_on(found: Option<i64>, access: LedgerAccess) -> Result<(), LedgerError> {
    let known = known_schema();
    match found {
        Some(found) if found > known => Err(LedgerError::NewerSchema { found, known }),
        Some(found) if found < known && access == LedgerAccess::Client => {
            Err(LedgerError::OlderSchema { found, known })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_databases_have_the_same_versions() {
        let versions = |migrations: &Migrator| -> Vec<i64> {
            // PostgreSQL came with the sixth.
            let versions = migrations.iter().map(|it| it.version);
            versions.filter(|version| *version >= 6).collect()
        };
        assert_eq!(versions(&FOR_SQLITE), versions(&FOR_POSTGRES));
    }
}
