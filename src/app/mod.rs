//! Composition: the configuration, the log, and how the parts are put together.
//!
//! The only room that knows every other. `start.rs` is the life of the program,
//! `parts.rs` what it consists of, `doors.rs` where it listens, `background.rs`
//! what it does unasked, `authority/` the certificates that it makes for itself.

mod act_records;
mod aliases;
mod audit_seal;
mod authority;
mod background;
pub mod bounded;
mod certificates;
mod client_ca;
mod cluster_tasks;
mod clusters;
mod components;
pub mod config;
mod confinement;
mod core_dumps;
mod credential_watch;
mod denied_before;
mod doors;
mod environment_listener;
mod error;
mod exposures;
mod free_bytes;
mod gauges;
mod health;
mod in_use;
mod installation;
mod invalid_files;
mod leases;
mod limits;
mod listener_certificates;
mod log_end;
pub mod logging;
mod long_period;
mod memory_limit;
mod notifications;
mod notify_files;
mod on_nodes;
mod policy_warnings;
mod process_limits;
mod remote_tier;
mod remote_watch;
mod replay_policy;
mod replicas;
mod running_denied;
mod running_nodes;
mod signals;
mod start;
mod status;
mod status_problems;
mod token;
mod upstream_credentials;
mod watch;
mod webhook;

pub use components::Components;
pub use confinement::{Confinement, confine};
pub use core_dumps::forbid_core_dumps;
pub use error::StartError;
pub use installation::installation;
pub use leases::Leases;
pub use log_end::{hold_log_end, note_log_end};
pub use process_limits::{raise_open_files, use_small_pages};
pub use replicas::KnownReplicas;
pub use signals::Signals;
pub use start::App;
