//! Rows into a table, many at once.

use sqlx::postgres::PgArguments;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments, AssertSqlSafe, PgConnection, SqliteConnection};

use super::cell::{CopyCell, CopyRow};
use super::end::{CopyEnd, EndConnection};
use super::shape::{ColumnKind, CopyColumn, CopyTable};

impl CopyEnd {
    /// Adds rows; of a table with one row, replaces that.
    pub async fn put(&mut self, table: &CopyTable, rows: Vec<CopyRow>) -> Result<(), sqlx::Error> {
        match &mut self.connection {
            EndConnection::Sqlite(sql) => put_sqlite(sql, table, rows).await,
            EndConnection::Postgres(sql) => put_postgres(sql, table, rows).await,
        }
    }
}

fn names(table: &CopyTable) -> Vec<String> {
    let columns = table.columns.iter();
    columns
        .map(|column| format!("\"{}\"", column.name))
        .collect()
}

async fn put_sqlite(
    sql: &mut SqliteConnection,
    table: &CopyTable,
    rows: Vec<CopyRow>,
) -> Result<(), sqlx::Error> {
    let columns = names(table);
    let one = format!("({})", vec!["?"; columns.len()].join(", "));
    let (name, columns) = (&table.name, columns.join(", "));
    let text = match table.is_single {
        true => format!("UPDATE \"{name}\" SET ({columns}) = {one}"),
        false => {
            let values = vec![&*one; rows.len()].join(", ");
            format!("INSERT INTO \"{name}\" ({columns}) VALUES {values}")
        }
    };
    let mut arguments = SqliteArguments::default();
    for cell in rows.into_iter().flatten() {
        let added = match cell {
            CopyCell::Null => arguments.add(None::<i64>),
            CopyCell::Integer(value) => arguments.add(value),
            CopyCell::Text(value) => arguments.add(value),
            CopyCell::Bytes(value) => arguments.add(value),
        };
        added.map_err(sqlx::Error::Encode)?;
    }
    sqlx::query_with(AssertSqlSafe(text), arguments)
        .execute(sql)
        .await?;
    Ok(())
}

/// A column travels as one list.
async fn put_postgres(
    sql: &mut PgConnection,
    table: &CopyTable,
    rows: Vec<CopyRow>,
) -> Result<(), sqlx::Error> {
    let text = into_postgres(table);
    let mut columns: Vec<CopyRow> = vec![CopyRow::with_capacity(rows.len()); table.columns.len()];
    for (column, cell) in rows.into_iter().flat_map(|row| row.into_iter().enumerate()) {
        columns[column].push(cell);
    }
    let mut arguments = PgArguments::default();
    for (column, cells) in table.columns.iter().zip(columns) {
        let added = match column.kind {
            ColumnKind::Integer | ColumnKind::Boolean => arguments.add(integers(cells)),
            ColumnKind::Text | ColumnKind::Json => arguments.add(texts(cells)),
            ColumnKind::Bytes => arguments.add(bytes(cells)),
        };
        added.map_err(sqlx::Error::Encode)?;
    }
    sqlx::query_with(AssertSqlSafe(text), arguments)
        .execute(sql)
        .await?;
    Ok(())
}

fn into_postgres(table: &CopyTable) -> String {
    let mut columns = names(table);
    let lists = table.columns.iter().enumerate();
    let lists: Vec<String> = lists.map(|(at, column)| list(at + 1, column)).collect();
    let from = format!(
        "unnest({}) WITH ORDINALITY AS u({}, ordinality_)",
        lists.join(", "),
        columns.join(", ")
    );
    let mut values: Vec<String> = table.columns.iter().map(|it| value(table, it)).collect();
    if table.name == "first_named" {
        columns.push("claim".to_owned());
        values.push(format!("sha256(convert_to(u.scope || {FINDING}, 'UTF8'))"));
    }
    let (name, columns, values) = (&table.name, columns.join(", "), values.join(", "));
    match table.is_single {
        true => format!("UPDATE \"{name}\" SET ({columns}) = ROW ({values}) FROM {from}"),
        false => format!(
            "INSERT INTO \"{name}\" ({columns}) SELECT {values} FROM {from} ORDER BY u.ordinality_"
        ),
    }
}

/// As PostgreSQL writes a finding that is kept by itself.
const FINDING: &str = "(u.finding::jsonb)::text";

fn list(number: usize, column: &CopyColumn) -> String {
    let kind = match column.kind {
        ColumnKind::Integer | ColumnKind::Boolean => "bigint",
        ColumnKind::Text | ColumnKind::Json => "text",
        ColumnKind::Bytes => "bytea",
    };
    format!("${number}::{kind}[]")
}

fn value(table: &CopyTable, column: &CopyColumn) -> String {
    let name = &column.name;
    match column.kind {
        ColumnKind::Boolean => format!("u.\"{name}\" <> 0"),
        ColumnKind::Json => format!("u.\"{name}\"::jsonb"),
        _ if table.name == "first_named" && name == "finding" => FINDING.to_owned(),
        _ => format!("u.\"{name}\""),
    }
}

fn integers(cells: CopyRow) -> Vec<Option<i64>> {
    let number = |cell| match cell {
        CopyCell::Integer(value) => Some(value),
        _ => None,
    };
    cells.into_iter().map(number).collect()
}

fn texts(cells: CopyRow) -> Vec<Option<String>> {
    let text = |cell| match cell {
        CopyCell::Text(value) => Some(value),
        _ => None,
    };
    cells.into_iter().map(text).collect()
}

fn bytes(cells: CopyRow) -> Vec<Option<Vec<u8>>> {
    let bytes = |cell| match cell {
        CopyCell::Bytes(value) => Some(value),
        _ => None,
    };
    cells.into_iter().map(bytes).collect()
}
