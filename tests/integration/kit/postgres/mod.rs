//! A real PostgreSQL: one server that all tests share, with a database for each, and
//! servers of a test's own that it stops, kills, freezes, cuts off and fails over.
//!
//! ```ignore
//! let database = or_skip!(Postgres::shared()).database();      // dropped with the value
//! let url = database.url();                                    // postgres://sekisho:…@127.0.0.1:…/t1
//! let mut server = or_skip!(Postgres::start());                // of one's own
//! server.stop(Stop::Immediate);
//! server.start_again();
//! let standby = server.standby();
//! standby.promote();
//! ```
//!
//! Nothing outlives the test binary: servers die with the thread that started them, and a
//! watcher of the shared one ends it and removes its folder when the binary is gone.

mod database;
mod dump;
mod files;
mod guard;
mod own_disk;
mod server;
mod settings;
mod standby;

#[cfg(test)]
mod tests;

pub use database::Database;
pub use own_disk::PostgresOnDisk;
pub use server::{PASSWORD, Postgres, Stop, USER};
pub use settings::Settings;
