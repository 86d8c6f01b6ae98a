//! The configuration file: the only place that knows its keys.
//!
//! It is read in one walk by `Section`, which hands out typed
//! values and notes every problem with its key and line, so that one run of
//! `check-config` shows them all. A key that no reader asked for is unknown, and
//! refused. An absent file reads like an empty one: every default stands beside
//! its key.

mod address;
mod listeners;
mod loading;
mod notebook;
mod policy;
mod quantity;
mod revision;
mod section;
mod settings;
mod storage;
mod trial;
mod upstreams;

#[cfg(test)]
mod tests;

pub use address::TlsConfig;
pub use listeners::{AdminConfig, Auth, ListenerConfig, OpsConfig};
pub use loading::Config;
pub use notebook::{Problem, Problems};
pub use quantity::{Period, PeriodError};
pub use revision::revision;
pub use storage::{AuditConfig, CacheConfig, LedgerConfig, Record};
pub use trial::rules_of;
pub use upstreams::{Credentials, UpstreamConfig};
