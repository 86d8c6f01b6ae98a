//! The schema: which version is there, and which this program knows. Both databases have
//! the same versions.

use std::sync::LazyLock;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{PgConnection, SqlStr, SqlitePool};

use super::{LedgerAccess, LedgerError};

/// The files of one database, embedded in order. What sqlx has for it is a procedural macro,
/// which builds both drivers, SQLite and TLS a second time.
macro_rules! embedded {
    ($folder:literal: $($name:literal)+) => {
        LazyLock::new(|| {
            let files = [$(($name, include_str!(concat!($folder, "/", $name, ".sql")))),+];
            Migrator::with_migrations(files.map(|(name, sql)| migration(name, sql)).to_vec())
        })
    };
}

static FOR_SQLITE: LazyLock<Migrator> = embedded!("migrations":
    "0001_records" "0002_papers" "0003_narrowed" "0004_identity" "0005_on_call" "0006_acts"
    "0007_replicas" "0008_audit_seals" "0009_search" "0011_feed" "0013_standings" "0014_notices"
    "0020_index_members" "0021_sealed_places" "0022_nodes" "0023_sightings"
    "0024_chain_ids" "0025_package_keys" "0026_source_keys");

static FOR_POSTGRES: LazyLock<Migrator> = embedded!("migrations/postgres":
    "0006_records" "0007_replicas" "0008_audit_seals" "0009_search" "0011_feed" "0013_standings"
    "0014_notices" "0020_index_members" "0021_sealed_places" "0022_nodes" "0023_sightings"
    "0024_chain_ids" "0025_package_keys" "0026_source_keys");

/// Of a file `VERSION_DESCRIPTION`, as sqlx reads them from a folder.
fn migration(name: &str, sql: &'static str) -> Migration {
    let (version, description) = name.split_once('_').unwrap_or((name, ""));
    let description = description.replace('_', " ");
    // A test reads each.
    let version = version.parse().unwrap_or(0);
    let sql = SqlStr::from_static(sql);
    Migration::new(
        version,
        description.into(),
        MigrationType::Simple,
        sql,
        false,
    )
}

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
    use std::path::Path;

    use super::*;

    #[tokio::test]
    async fn embeds_each_file_as_it_lies_in_its_folder() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/ledger/migrations");
        for (folder, embedded) in [
            (folder.clone(), &FOR_SQLITE),
            (folder.join("postgres"), &FOR_POSTGRES),
        ] {
            let read = Migrator::new(folder).await.unwrap();
            let facts = |migrations: &Migrator| -> Vec<_> {
                let all = migrations.iter();
                all.map(|it| {
                    (
                        it.version,
                        it.description.clone(),
                        it.checksum.clone(),
                        it.no_tx,
                    )
                })
                .collect()
            };
            assert_eq!(facts(embedded), facts(&read));
        }
    }

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
