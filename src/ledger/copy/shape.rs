//! Which tables and columns there are: what a later migration adds is copied as well.

use sqlx::{PgConnection, SqliteConnection};

use crate::ledger::LedgerError;

/// Kinds of values, as far as a copy has to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnKind {
    Integer,
    Boolean,
    Text,
    Json,
    Bytes,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyColumn {
    pub name: String,
    pub kind: ColumnKind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyTable {
    pub name: String,
    pub columns: Vec<CopyColumn>,
    /// It has one row, which a new ledger has already.
    pub is_single: bool,
}

/// Tables that are not copied: how the schema came about, what the database itself derives
/// from other tables, and what processes that serve tell of themselves and hold.
const LEFT_OUT: [&str; 4] = ["_sqlx_migrations", "index_members", "leases", "replicas"];

/// Tables whose rows others name.
const PARENTS: [&str; 2] = ["scans", "unbound_scans"];

const SQLITE: &str = "SELECT t.name, c.name, c.type FROM sqlite_schema AS t, \
    pragma_table_info(t.name) AS c WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite~_%' ESCAPE '~' \
    ORDER BY t.name, c.cid";
const POSTGRES: &str = "SELECT table_name::text, column_name::text, data_type::text \
    FROM information_schema.columns JOIN information_schema.tables \
    USING (table_schema, table_name) \
    WHERE table_schema = current_schema() AND table_type = 'BASE TABLE' \
    ORDER BY table_name, ordinal_position";

type ColumnRow = (String, String, String);

pub async fn of_sqlite(sql: &mut SqliteConnection) -> Result<Vec<CopyTable>, LedgerError> {
    tables(sqlx::query_as(SQLITE).fetch_all(sql).await?)
}

pub async fn of_postgres(sql: &mut PgConnection) -> Result<Vec<CopyTable>, LedgerError> {
    tables(sqlx::query_as(POSTGRES).fetch_all(sql).await?)
}

/// Those that others name first.
fn tables(rows: Vec<ColumnRow>) -> Result<Vec<CopyTable>, LedgerError> {
    let mut found: Vec<CopyTable> = Vec::new();
    for (table, name, written) in rows.into_iter().filter(|row| !LEFT_OUT.contains(&&*row.0)) {
        let kind = kind(&written)
            .ok_or_else(|| LedgerError::Damaged(format!("{table}.{name} is of type {written}")))?;
        if found.last().is_none_or(|last| last.name != table) {
            found.push(CopyTable {
                name: table,
                columns: Vec::new(),
                is_single: false,
            });
        }
        if let Some(last) = found.last_mut() {
            last.is_single |= name == "one";
            last.columns.push(CopyColumn { name, kind });
        }
    }
    found.sort_by_key(|table| !PARENTS.contains(&&*table.name));
    Ok(found)
}

fn kind(written: &str) -> Option<ColumnKind> {
    Some(match &*written.to_ascii_lowercase() {
        "integer" | "int" | "bigint" | "smallint" => ColumnKind::Integer,
        "boolean" => ColumnKind::Boolean,
        "text" | "character varying" => ColumnKind::Text,
        "json" | "jsonb" => ColumnKind::Json,
        "blob" | "bytea" => ColumnKind::Bytes,
        _ => return None,
    })
}

impl CopyTable {
    pub fn column(&self, name: &str) -> Option<&CopyColumn> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// With the columns alone that `other` has, too, and that mean something.
    pub fn shared_with(&self, other: &Self) -> Self {
        let is_shared = |column: &&CopyColumn| {
            other.column(&column.name).is_some() && !["one", "probe"].contains(&&*column.name)
        };
        Self {
            name: self.name.clone(),
            columns: self.columns.iter().filter(is_shared).cloned().collect(),
            is_single: self.is_single,
        }
    }

    /// The same columns in the same order, as `other` has them.
    pub fn as_in(&self, other: &Self) -> Self {
        let columns = self.columns.iter();
        Self {
            name: self.name.clone(),
            columns: columns
                .filter_map(|column| other.column(&column.name).cloned())
                .collect(),
            is_single: self.is_single,
        }
    }
}
