//! Numbers go on behind those that were given, also where their rows are gone: who has read
//! up to one misses nothing that comes later.

use super::end::{CopyEnd, EndConnection};
use crate::ledger::LedgerError;

/// Of every column that the server numbers.
const SERVER_NUMBERS: &str = "SELECT c.table_name::text, s.last_value \
    FROM information_schema.columns AS c JOIN pg_sequences AS s \
    ON pg_get_serial_sequence(quote_ident(c.table_name), c.column_name) \
    = quote_ident(s.schemaname) || '.' || quote_ident(s.sequencename) \
    WHERE c.table_schema = current_schema() AND c.is_identity = 'YES' AND s.last_value > 0";
const FILE_NUMBERS: &str =
    "SELECT name, seq FROM sqlite_sequence WHERE seq > 0 AND name <> 'changes'";

impl CopyEnd {
    /// Also where it was pruned.
    pub async fn newest_change(&mut self) -> Result<i64, LedgerError> {
        let newest = match &self.connection {
            EndConnection::Sqlite(_) => {
                "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'changes'"
            }
            EndConnection::Postgres(_) => "SELECT newest_change FROM identity",
        };
        self.number(newest).await
    }

    /// What is counted goes on behind what was copied.
    pub async fn end_counting(&mut self, newest: i64) -> Result<(), LedgerError> {
        match &self.connection {
            EndConnection::Sqlite(_) => {
                self.run("DELETE FROM sqlite_sequence WHERE name = 'changes'")
                    .await?;
                let enter = format!("INSERT INTO sqlite_sequence VALUES ('changes', {newest})");
                self.run(&enter).await
            }
            EndConnection::Postgres(_) => {
                self.run(&format!("UPDATE identity SET newest_change = {newest}"))
                    .await?;
                self.run(CONTINUE_SEQUENCES).await
            }
        }
    }

    /// The last number that each table gave.
    pub async fn last_numbers(&mut self) -> Result<Vec<(String, i64)>, LedgerError> {
        Ok(match &mut self.connection {
            EndConnection::Sqlite(sql) => sqlx::query_as(FILE_NUMBERS).fetch_all(sql).await?,
            EndConnection::Postgres(sql) => sqlx::query_as(SERVER_NUMBERS).fetch_all(sql).await?,
        })
    }

    /// The next row of `table` gets a number behind `last`, where it is numbered here.
    pub async fn number_behind(&mut self, table: &str, last: i64) -> Result<(), LedgerError> {
        match &mut self.connection {
            EndConnection::Sqlite(sql) => {
                for text in [NUMBER_FILE_FIRST, NUMBER_FILE] {
                    sqlx::query(text)
                        .bind(table)
                        .bind(last)
                        .execute(&mut *sql)
                        .await?;
                }
            }
            EndConnection::Postgres(sql) => {
                sqlx::query(NUMBER_SERVER)
                    .bind(table)
                    .bind(last)
                    .execute(sql)
                    .await?;
            }
        }
        Ok(())
    }
}

/// Of a table that is empty here.
const NUMBER_FILE_FIRST: &str = "INSERT INTO sqlite_sequence (name, seq) SELECT ?1, ?2 \
    WHERE EXISTS (SELECT 1 FROM sqlite_schema WHERE name = ?1 AND sql LIKE '%AUTOINCREMENT%') \
    AND NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = ?1)";
const NUMBER_FILE: &str = "UPDATE sqlite_sequence SET seq = max(seq, ?2) WHERE name = ?1";
const NUMBER_SERVER: &str = "SELECT setval(numbers, greatest($2, nextval(numbers) - 1)) \
    FROM (SELECT pg_get_serial_sequence(quote_ident(table_name), column_name)::regclass AS numbers \
    FROM information_schema.columns WHERE table_schema = current_schema() \
    AND is_identity = 'YES' AND table_name = $1) AS numbered";
/// Of every column that the server numbers.
const CONTINUE_SEQUENCES: &str = "DO $$ DECLARE numbered record; newest bigint; BEGIN \
    FOR numbered IN SELECT table_name, column_name FROM information_schema.columns \
    WHERE table_schema = current_schema() AND is_identity = 'YES' LOOP \
    EXECUTE format('SELECT max(%I) FROM %I', numbered.column_name, numbered.table_name) INTO newest; \
    PERFORM setval(pg_get_serial_sequence(quote_ident(numbered.table_name), numbered.column_name), \
    coalesce(newest, 1), newest IS NOT NULL); END LOOP; END $$";
