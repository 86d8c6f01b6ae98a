//! Statements, and what they run on. A statement is written once, with `?` for its
//! values; where the two databases' words differ, both texts stand side by side
//! ([`either`]).

mod connection;
mod dialect;
mod faults;
mod on_postgres;
mod on_sqlite;
mod pool;
mod postgres_pool;
mod postgres_server;
mod query;
mod row;
mod transaction;
mod value;

pub(super) use connection::SqlConnection;
pub(super) use dialect::without_nul;
pub(super) use faults::{fault_of, no_answer};
pub(super) use pool::SqlPool;
pub(super) use postgres_pool::PostgresPool;
pub(super) use postgres_server::{PostgresServer, SessionUse};
pub(super) use query::{Query, either, query};
pub(super) use row::row;
pub(super) use transaction::OpenTransaction;
