//! Rows that statements return.

use sqlx::FromRow;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;

/// What can be read from a row of either database: tuples, and what [`row!`] makes. Numbers
/// are `i64`.
pub trait ReadRow:
    for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin
{
}

impl<T> ReadRow for T where
    T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin
{
}

/// A struct whose fields are the columns of their names.
///
/// What sqlx derives does the same, by a procedural macro that builds both databases' drivers,
/// SQLite and TLS a second time.
macro_rules! row {
    ($visible:vis struct $name:ident { $($field_visible:vis $field:ident: $type:ty,)+ }) => {
        $visible struct $name { $($field_visible $field: $type,)+ }

        impl<'r, R: sqlx::Row> sqlx::FromRow<'r, R> for $name
        where
            &'static str: sqlx::ColumnIndex<R>,
            $($type: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,)+
        {
            fn from_row(row: &'r R) -> sqlx::Result<Self> {
                Ok(Self { $($field: row.try_get(stringify!($field))?,)+ })
            }
        }
    };
}
pub(in crate::ledger) use row;
