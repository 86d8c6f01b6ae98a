//! The records, as the rooms above see them. What holds for both databases is tested on
//! both: the same files are read twice.
#![expect(clippy::duplicate_mod, reason = "the same tests run on two databases")]

mod beside;
mod copy_command;
mod copying;
mod keeping;
mod leases;
mod migrating;
mod on_file;
mod on_server;
mod reached;
mod records;
mod serving;
mod statements;
mod upgrading;

pub use records::server_location;
