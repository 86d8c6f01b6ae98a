//! Statements on PostgreSQL. Each answer has a deadline here as well as at the server,
//! which may be gone without a word.

use std::future::ready;
use std::time::Duration;

use futures_util::stream::{BoxStream, StreamExt, once, unfold};
use sqlx::postgres::PgArguments;
use sqlx::{Arguments, AssertSqlSafe};
use tokio::time::timeout;

use super::dialect::without_nul;
use super::faults::no_answer;
use super::postgres_pool::{Answer, PostgresConnection};
use super::row::ReadRow;
use super::value::SqlValue;
use crate::ledger::LedgerError;

/// Rows that are fetched at once where few of many may be wanted.
const ROWS_AT_ONCE: usize = 256;

pub async fn execute(
    connection: &mut PostgresConnection,
    text: String,
    values: Vec<SqlValue>,
) -> Result<u64, sqlx::Error> {
    let patience = connection.patience;
    let (sql, mut answer) = connection.begin()?;
    let query = sqlx::query_with(AssertSqlSafe(text), arguments(values)?);
    let done = timeout(patience, query.execute(sql)).await;
    match done.unwrap_or_else(|_| Err(late(patience))) {
        Ok(done) => {
            answer.whole();
            Ok(done.rows_affected())
        }
        Err(error) => Err(answer.failed(error)),
    }
}

type Rows<'a, T> = BoxStream<'a, Result<T, sqlx::Error>>;

pub fn rows<'a, T: ReadRow + 'a>(
    connection: &'a mut PostgresConnection,
    text: String,
    values: Vec<SqlValue>,
) -> Rows<'a, T> {
    let patience = connection.patience;
    let begun = connection.begin();
    let begun = begun.and_then(|begun| Ok((begun, arguments(values)?)));
    match begun {
        Ok(((sql, answer), values)) => {
            let rows = sqlx::query_as_with(AssertSqlSafe(text), values).fetch(sql);
            unfold(Some((rows, answer)), move |left| next(left, patience)).boxed()
        }
        Err(error) => once(ready(Err(error))).boxed(),
    }
}

/// The next row and what is left; nothing is after a failure.
async fn next<'a, T>(
    left: Option<(Rows<'a, T>, Answer<'a>)>,
    patience: Duration,
) -> Option<(Result<T, sqlx::Error>, Option<(Rows<'a, T>, Answer<'a>)>)> {
    let (mut rows, mut answer) = left?;
    let row = timeout(patience, rows.next()).await;
    match row.unwrap_or_else(|_| Some(Err(late(patience)))) {
        Some(Ok(row)) => Some((Ok(row), Some((rows, answer)))),
        Some(Err(error)) => Some((Err(answer.failed(error)), None)),
        None => {
            answer.whole();
            None
        }
    }
}

/// Gives `take` row by row while it wants more. The server makes rows as they are fetched,
/// so that the first of millions cost little.
pub async fn while_wanted<T: ReadRow>(
    connection: &mut PostgresConnection,
    text: String,
    values: Vec<SqlValue>,
    mut take: impl FnMut(T) -> Result<bool, LedgerError>,
) -> Result<(), LedgerError> {
    connection.enter_transaction();
    execute(connection, "BEGIN READ ONLY".to_owned(), Vec::new()).await?;
    let declare = format!("DECLARE looked_through NO SCROLL CURSOR FOR {text}");
    execute(connection, declare, values).await?;
    let mut more = true;
    while more {
        let fetched = fetch::<T>(connection).await?;
        more = fetched.len() == ROWS_AT_ONCE;
        for row in fetched {
            if !take(row)? {
                more = false;
                break;
            }
        }
    }
    execute(connection, "COMMIT".to_owned(), Vec::new()).await?;
    connection.leave_transaction();
    Ok(())
}

/// Not prepared for another time: the next cursor of that name has other columns.
async fn fetch<T: ReadRow>(connection: &mut PostgresConnection) -> Result<Vec<T>, sqlx::Error> {
    let patience = connection.patience;
    let (sql, mut answer) = connection.begin()?;
    let next = sqlx::query_as("FETCH FORWARD 256 FROM looked_through").persistent(false);
    let fetched = timeout(patience, next.fetch_all(sql)).await;
    match fetched.unwrap_or_else(|_| Err(late(patience))) {
        Ok(rows) => {
            answer.whole();
            Ok(rows)
        }
        Err(error) => Err(answer.failed(error)),
    }
}

fn late(patience: Duration) -> sqlx::Error {
    no_answer(&format!("no answer within {} s", patience.as_secs()))
}

fn arguments(values: Vec<SqlValue>) -> Result<PgArguments, sqlx::Error> {
    let mut arguments = PgArguments::default();
    for value in values {
        let added = match value {
            SqlValue::Integer(value) => arguments.add(value),
            SqlValue::Text(value) => arguments.add(value.map(without_nul)),
            SqlValue::Bytes(value) => arguments.add(value),
            SqlValue::Boolean(value) => arguments.add(value),
            SqlValue::Integers(values) => arguments.add(values),
            SqlValue::Texts(values) => {
                let values: Vec<String> = values.into_iter().map(without_nul).collect();
                arguments.add(values)
            }
        };
        added.map_err(sqlx::Error::Encode)?;
    }
    Ok(arguments)
}
