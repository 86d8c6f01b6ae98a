//! The rows of a table, one after the other.

use futures_util::stream::{BoxStream, StreamExt};
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row as _};

use super::cell::{CopyCell, CopyRow};
use super::end::{CopyEnd, EndConnection};
use super::shape::{ColumnKind, CopyColumn, CopyTable};

impl CopyEnd {
    /// In the order in which closures came; other tables in any.
    pub fn rows<'a>(
        &'a mut self,
        table: &'a CopyTable,
    ) -> BoxStream<'a, Result<CopyRow, sqlx::Error>> {
        let is_ordered = table.name == "closures";
        match &mut self.connection {
            EndConnection::Sqlite(sql) => {
                let end = if is_ordered { " ORDER BY rowid" } else { "" };
                let text = select(table, |column| format!("\"{}\"", column.name), end);
                let rows = sqlx::query(AssertSqlSafe(text)).fetch(sql);
                rows.map(|row| row.and_then(|row| of_sqlite(table, &row)))
                    .boxed()
            }
            EndConnection::Postgres(sql) => {
                let end = if is_ordered { " ORDER BY place" } else { "" };
                let text = select(table, as_common, end);
                let rows = sqlx::query(AssertSqlSafe(text)).fetch(sql);
                rows.map(|row| row.and_then(|row| of_postgres(table, &row)))
                    .boxed()
            }
        }
    }
}

fn select(table: &CopyTable, written: impl Fn(&CopyColumn) -> String, end: &str) -> String {
    let columns: Vec<String> = table.columns.iter().map(written).collect();
    format!("SELECT {} FROM \"{}\"{end}", columns.join(", "), table.name)
}

fn as_common(column: &CopyColumn) -> String {
    let name = &column.name;
    match column.kind {
        ColumnKind::Integer => format!("\"{name}\"::bigint"),
        ColumnKind::Boolean => format!("\"{name}\"::int::bigint"),
        ColumnKind::Text | ColumnKind::Json => format!("\"{name}\"::text"),
        ColumnKind::Bytes => format!("\"{name}\""),
    }
}

fn of_sqlite(table: &CopyTable, row: &SqliteRow) -> Result<CopyRow, sqlx::Error> {
    let columns = table.columns.iter().enumerate();
    columns
        .map(|(at, column)| {
            Ok(match column.kind {
                ColumnKind::Integer | ColumnKind::Boolean => CopyCell::integer(row.try_get(at)?),
                ColumnKind::Text | ColumnKind::Json => CopyCell::text(row.try_get(at)?),
                ColumnKind::Bytes => CopyCell::bytes(row.try_get(at)?),
            })
        })
        .collect()
}

fn of_postgres(table: &CopyTable, row: &PgRow) -> Result<CopyRow, sqlx::Error> {
    let columns = table.columns.iter().enumerate();
    columns
        .map(|(at, column)| {
            Ok(match column.kind {
                ColumnKind::Integer | ColumnKind::Boolean => CopyCell::integer(row.try_get(at)?),
                ColumnKind::Text | ColumnKind::Json => CopyCell::text(row.try_get(at)?),
                ColumnKind::Bytes => CopyCell::bytes(row.try_get(at)?),
            })
        })
        .collect()
}
