//! The command line: `serve`, `demo`, and the commands that are clients of the
//! admin API.
//!
//! One file per command: its arguments, what it asks, how it shows the answer.
//! [`run`] is the whole program.

mod acts;
mod advisories;
mod arguments;
mod aside;
mod audit;
mod bind;
mod break_glass;
mod check_config;
mod client;
mod commands;
mod completion;
mod decisions;
mod demo;
mod denials;
mod diagnosis;
mod doctor;
mod draft;
mod due;
mod event_stream;
mod exceptions;
mod explain;
mod failure;
mod file;
mod forecast;
mod images;
mod kubernetes;
mod ledger;
mod ledger_copy;
mod ledger_file;
mod ledger_restore;
mod listing;
mod log;
mod man;
mod mistakes;
mod mode;
mod named_decision;
mod node;
mod node_ca;
mod node_config;
mod notify;
mod output;
mod promote;
mod replay;
mod revocations;
mod revoke;
mod run;
mod scan;
mod sent_token;
mod serve;
mod service_manager;
mod status;
mod token;
mod upload;
mod verdict;
mod verify;
mod version;

pub use commands::{command, told_command};
pub use run::run;
