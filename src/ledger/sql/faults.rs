//! What a failed statement tells of the database.

use std::io::{self, ErrorKind};

use sqlx::postgres::PgDatabaseError;

use crate::storage_fault::StorageFault;

/// `SQLITE_READONLY_DBMOVED`
const DATABASE_MOVED: i32 = 8 | (4 << 8);
/// `SQLITE_IOERR_` of `WRITE`, `FSYNC`, `DIR_FSYNC`, `TRUNCATE` and `SHMSIZE`: whatever the
/// system said but that the disk is full.
const UNWRITABLE: [i32; 5] = [
    10 | (3 << 8),
    10 | (4 << 8),
    10 | (5 << 8),
    10 | (6 << 8),
    10 | (19 << 8),
];

/// Nothing came back in time, or nothing can.
pub fn no_answer(why: &str) -> sqlx::Error {
    sqlx::Error::Io(io::Error::new(ErrorKind::TimedOut, why.to_owned()))
}

/// Why the database failed, in the words of all stores.
pub fn fault_of(error: &sqlx::Error) -> StorageFault {
    if let Some(state) = sql_state(error) {
        return of_postgres(&state, error);
    }
    let database = error.as_database_error();
    let code = database.and_then(|it| it.code());
    let code: Option<i32> = code.and_then(|it| it.parse().ok());
    match (error, code.map(|code| code & 0xff)) {
        (_, Some(13)) => StorageFault::DiskFull,
        (_, Some(5 | 6)) => StorageFault::Locked,
        (_, Some(8)) if code == Some(DATABASE_MOVED) => StorageFault::Gone,
        (_, Some(8)) => StorageFault::ReadOnly,
        (_, Some(3 | 23)) => StorageFault::NotPermitted,
        (_, Some(14)) => StorageFault::Other("its file cannot be opened".to_owned()),
        (_, Some(10)) if code.is_some_and(|code| UNWRITABLE.contains(&code)) => {
            StorageFault::Unwritable
        }
        (_, Some(11 | 26)) => StorageFault::Damaged,
        (sqlx::Error::Io(source), _) => of_network(source),
        (sqlx::Error::PoolTimedOut, _) => {
            StorageFault::Other("no connection to it became free".to_owned())
        }
        (sqlx::Error::Tls(_), _) => StorageFault::Unreachable,
        _ => StorageFault::Other(error.to_string()),
    }
}

/// SQLite meets none of these: its file errors have codes of its own.
fn of_network(error: &io::Error) -> StorageFault {
    match error.kind() {
        ErrorKind::TimedOut => StorageFault::Unresponsive,
        ErrorKind::StorageFull | ErrorKind::PermissionDenied => StorageFault::of_io(error),
        _ => StorageFault::Unreachable,
    }
}

/// The connection is of no use any more, and those beside it are likely not either.
pub fn is_lost(error: &sqlx::Error) -> bool {
    match sql_state(error) {
        Some(state) => state.starts_with("57P") || state.starts_with("08") || state == "25006",
        None => matches!(
            error,
            sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_)
        ),
    }
}

fn sql_state(error: &sqlx::Error) -> Option<String> {
    let database = error.as_database_error()?;
    let postgres = database.try_downcast_ref::<PgDatabaseError>()?;
    Some(postgres.code().to_owned())
}

/// By SQLSTATE (<https://www.postgresql.org/docs/current/errcodes-appendix.html>).
fn of_postgres(state: &str, error: &impl ToString) -> StorageFault {
    match state {
        "53100" => StorageFault::DiskFull,
        "25006" => StorageFault::ReadOnlyServer,
        "55P03" | "57014" => StorageFault::Unresponsive,
        "28000" | "28P01" | "42501" => StorageFault::Refused,
        "XX001" | "XX002" => StorageFault::Damaged,
        "53300" => StorageFault::NoConnectionLeft,
        "3D000" => StorageFault::NoDatabase,
        _ if state.starts_with("53") => StorageFault::Exhausted,
        _ if state.starts_with("57P") || state.starts_with("08") => StorageFault::Unreachable,
        _ => StorageFault::Other(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_is_full_is_told_from_one_that_is_away() {
        for (state, fault) in [
            ("53100", StorageFault::DiskFull),
            ("53200", StorageFault::Exhausted),
            ("53300", StorageFault::NoConnectionLeft),
            ("53400", StorageFault::Exhausted),
            ("3D000", StorageFault::NoDatabase),
            ("57P01", StorageFault::Unreachable),
            ("08006", StorageFault::Unreachable),
            ("42P01", StorageFault::Other("no such table".to_owned())),
        ] {
            assert_eq!(of_postgres(state, &"no such table"), fault, "{state}");
        }
    }
}
