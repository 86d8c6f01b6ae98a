//! Values as both databases hold them, in one form.

use serde_json::from_str;

use super::shape::{CopyColumn, CopyTable};
use crate::ledger::sql::without_nul;
use crate::report::Finding;

/// One value of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CopyCell {
    Null,
    /// Also what is true or not.
    Integer(i64),
    Text(String),
    Bytes(Vec<u8>),
}

pub type CopyRow = Vec<CopyCell>;

impl CopyCell {
    pub fn integer(value: Option<i64>) -> Self {
        value.map_or(Self::Null, Self::Integer)
    }

    pub fn text(value: Option<String>) -> Self {
        value.map_or(Self::Null, Self::Text)
    }

    pub fn bytes(value: Option<Vec<u8>>) -> Self {
        value.map_or(Self::Null, Self::Bytes)
    }
}

/// The row as both databases mean it: ids of vulnerabilities in small letters, which SQLite
/// compares so and PostgreSQL keeps so; findings that are kept by themselves as the program
/// writes them; no NUL, which PostgreSQL's text cannot hold.
pub fn canonical(table: &CopyTable, row: CopyRow) -> CopyRow {
    let cells = table.columns.iter().zip(row);
    cells
        .map(|(column, cell)| canonical_cell(table, column, cell))
        .collect()
}

fn canonical_cell(table: &CopyTable, column: &CopyColumn, cell: CopyCell) -> CopyCell {
    let CopyCell::Text(text) = cell else {
        return cell;
    };
    let text = without_nul(text);
    CopyCell::Text(match (&*table.name, &*column.name) {
        ("vulnerabilities", "id") => text.to_ascii_lowercase(),
        ("first_named", "finding") => as_written(text),
        _ => text,
    })
}

fn as_written(finding: String) -> String {
    let read: Option<Finding> = from_str(&finding).ok();
    let written = read.and_then(|it| serde_json::to_string(&it).ok());
    written.unwrap_or(finding)
}
