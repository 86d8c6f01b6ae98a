//! Client of the remote registries that images are pulled from.
//!
//! One [`Upstream`] speaks to one registry and never falls back to another. What an
//! upstream says is bounded before it is believed: where its realms and redirects may
//! lead ([`HostPattern`]), how large a manifest may be, how often a request is tried.
//! Digests are verified here for manifests; blobs are hashed by the cache.

mod address;
mod allowed_hosts;
mod answer;
mod api_root;
mod blob;
mod challenge;
mod circuit_breaker;
mod client;
mod config;
mod credential_command;
mod credential_source;
mod credentials;
mod decoding;
mod error;
mod health;
mod last_seen;
mod link;
mod list_memory;
mod listing;
mod manifest;
mod network;
mod proxy;
mod rate_limit;
mod referrers;
mod resolver;
mod retry;
mod tag_memory;
#[cfg(test)]
mod tests;
mod tls_fault;
mod token;
mod transport;
mod upstream_metrics;
mod without_head;

pub use allowed_hosts::{HostPattern, HostPatternError};
pub use api_root::is_api_url;
pub use blob::BlobBody;
pub use client::Upstream;
pub use config::{ConfigError, CoolDown, Retries, Timeouts, UpstreamOptions};
pub use credential_command::CredentialCommand;
pub use credential_source::CredentialSource;
pub use credentials::{DockerConfigError, UpstreamCredentials};
pub use decoding::BlobStream;
pub use error::{HostRefusal, UpstreamError};
pub use last_seen::{SeenFailure, UpstreamCondition};
pub use list_memory::{ListMemory, TagListing};
pub use listing::TagPage;
pub use manifest::{FetchedManifest, MAX_MANIFEST_BYTES, ManifestHead};
pub use network::Network;
pub use proxy::EgressProxy;
pub use tag_memory::{ResolvedTag, TagMemory};
pub use tls_fault::TlsFault;
