//! Statements on SQLite.

use std::future::ready;

use futures_util::stream::{BoxStream, StreamExt, once};
use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments, SqliteConnection};

use super::row::ReadRow;
use super::value::SqlValue;

pub async fn execute(
    connection: &mut SqliteConnection,
    text: &'static str,
    values: Vec<SqlValue>,
) -> Result<u64, sqlx::Error> {
    let query = sqlx::query_with(text, arguments(values)?);
    let done = query.execute(connection).await?;
    Ok(done.rows_affected())
}

pub fn rows<'a, T: ReadRow + 'a>(
    connection: &'a mut SqliteConnection,
    text: &'static str,
    values: Vec<SqlValue>,
) -> BoxStream<'a, Result<T, sqlx::Error>> {
    match arguments(values) {
        Ok(values) => sqlx::query_as_with(text, values).fetch(connection),
        Err(error) => once(ready(Err(error))).boxed(),
    }
}

/// A list travels as JSON, and is read by `json_each`.
fn arguments(values: Vec<SqlValue>) -> Result<SqliteArguments, sqlx::Error> {
    let mut arguments = SqliteArguments::default();
    for value in values {
        let added = match value {
            SqlValue::Integer(value) => arguments.add(value),
            SqlValue::Text(value) => arguments.add(value),
            SqlValue::Bytes(value) => arguments.add(value),
            SqlValue::Boolean(value) => arguments.add(value),
            SqlValue::Integers(values) => arguments.add(json(&values)?),
            SqlValue::Texts(values) => arguments.add(json(&values)?),
        };
        added.map_err(sqlx::Error::Encode)?;
    }
    Ok(arguments)
}

fn json<T: serde::Serialize>(values: &[T]) -> Result<String, sqlx::Error> {
    serde_json::to_string(values).map_err(|error| sqlx::Error::Encode(error.into()))
}
