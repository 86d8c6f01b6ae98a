//! The configuration file, and the files of exceptions and advisories: the only
//! place that knows their keys.
//!
//! A file is read in one walk by `Section`, which hands out typed
//! values and notes every problem with its key and line, so that one run of
//! `check-config` shows them all. A key that no reader asked for is unknown, and
//! refused. An absent file reads like an empty one: every default stands beside
//! its key.

mod address;
mod admin_access;
mod advisories;
mod audit;
mod authorities;
mod console;
mod credentials;
mod diagnostics;
mod drain;
mod entry_words;
mod exceptions;
mod files;
mod fingerprint;
mod folder;
mod folder_listing;
mod globs;
mod hints;
mod images;
mod limits;
mod listeners;
mod loading;
mod moment;
mod nodes;
mod notify;
mod policy;
mod policy_folders;
mod policy_text;
mod proxy;
mod quantity;
mod readable_part;
mod remote;
mod revision;
mod section;
mod settings;
mod settling;
mod start_keys;
mod storage;
mod telemetry;
mod timeouts;
mod upstreams;
mod urls;
mod value_words;
mod vulnerability_policy;
mod webhook;

#[cfg(test)]
mod tests;

pub use address::{TlsConfig, TlsPaths};
pub use admin_access::AdminAccess;
pub use audit::{AuditConfig, RecordedPasses};
pub use console::ConsoleConfig;
pub use credentials::{ConfiguredCredentials, password_of};
pub use diagnostics::{NamedPath, Problem, Problems};
pub use drain::DrainConfig;
pub use files::PolicyFiles;
pub use fingerprint::Fingerprint;
pub use limits::LimitsConfig;
pub use listeners::{AdminConfig, ListenerAuth, ListenerConfig, OpsConfig};
pub use loading::{Config, ledger_location, load_images, load_vulnerability_policy};
pub use notify::notify_secrets;
pub use policy_text::{check_exception, policy_to_replay, rules_of};
pub use proxy::ConfiguredProxy;
pub use quantity::{Period, PeriodError};
pub use remote::{RemoteConfig, RemoteCredentials};
pub use revision::revision;
pub use settling::Settling;
pub use start_keys::StartKeys;
pub use storage::{CacheConfig, LedgerConfig};
pub use upstreams::UpstreamConfig;
pub use vulnerability_policy::{
    InvalidFile, PolicyFile, VulnerabilityPolicyFiles, VulnerabilityPolicyTexts,
};
pub use webhook::{ClusterConfig, NamespaceConfig, NodeMode, OnFailure, WebhookConfig};
