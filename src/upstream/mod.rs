//! Client of the remote registries that images are pulled from.
//!
//! One [`Upstream`] speaks to one registry and never to another in its stead:
//! there is no fall-back. What an upstream says is bounded before it is
//! believed: where its realms and redirects may lead ([`HostPattern`]), how
//! large a manifest may be, how often a request is tried. Digests are verified
//! here for manifests; blobs are hashed by whoever stores them.

mod address;
mod answer;
mod blob;
mod challenge;
mod client;
mod config;
mod credentials;
mod error;
mod health;
mod listing;
mod manifest;
mod meter;
mod network;
mod reach;
mod resolver;
mod retry;
mod tag_memory;
mod token;
mod wire;

pub use blob::{BlobBody, BlobStream};
pub use client::Upstream;
pub use config::{Config, ConfigError, CoolDown, Retries, Timeouts};
pub use credentials::{Credentials, DockerConfigError};
pub use error::{HostRefusal, UpstreamError};
pub use health::Condition;
pub use listing::TagPage;
pub use manifest::{FetchedManifest, MANIFEST_LIMIT, ManifestHead};
pub use network::Network;
pub use reach::{HostPattern, HostPatternError};
pub use tag_memory::{Resolved, TagMemory};
