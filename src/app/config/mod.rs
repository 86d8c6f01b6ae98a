//! The configuration file, and the files of exceptions and advisories: the only
//! place that knows their keys.
//!
//! A file is read in one walk by `Section`, which hands out typed
//! values and notes every problem with its key and line, so that one run of
//! `check-config` shows them all. A key that no reader asked for is unknown, and
//! refused. An absent file reads like an empty one: every default stands beside
//! its key.

mod address;
mod advisories;
mod exceptions;
mod files;
mod fingerprint;
mod folder;
mod globs;
mod images;
mod limits;
mod listeners;
mod loading;
mod moment;
mod notebook;
mod notice_places;
mod notices;
mod policy;
mod quantity;
mod revision;
mod section;
mod settings;
mod storage;
mod trial;
mod upstreams;
mod urls;
mod webhook;

#[cfg(test)]
mod tests;

pub use address::{TlsConfig, TlsPaths};
pub use files::PolicyFiles;
pub use fingerprint::Fingerprint;
pub use limits::LimitsConfig;
pub use listeners::{AdminConfig, Auth, ListenerConfig, OpsConfig};
pub use loading::{Config, load_images, load_notices};
pub use notebook::{Problem, Problems};
pub use notices::{Invalid, NoticeTexts, Notices, PolicyFile};
pub use quantity::{Period, PeriodError};
pub use revision::revision;
pub use storage::{AuditConfig, CacheConfig, LedgerConfig, Record};
pub use trial::{notice_texts, rules_of};
pub use upstreams::{Credentials, UpstreamConfig};
pub use webhook::{ClusterConfig, NamespaceConfig, Nodes, OnFailure, WebhookConfig};
