//! Content-addressed bytes, blobs and manifests: on the local disk, and behind it in the
//! [`remote`] tier that replicas share, where there is one.
//!
//! ```text
//! <path>/lock                          held while the process lives
//! <path>/tmp/                          what is being written; emptied at the start
//! <path>/blobs/<alg>/<ab>/<hex>        verified bytes, verbatim
//! <path>/manifests/<alg>/<ab>/<hex>    the media type, a line feed, the verbatim bytes
//! ```
//!
//! Invariants:
//! - A file under `blobs` or `manifests` is complete and was verified. It is
//!   written under `tmp`, hashed, recorded by [`OnVerified`], synced, and only
//!   then renamed; so neither `kill -9` nor a loss of power leaves a half. A
//!   file that is missing is a miss, and so is one of the wrong length.
//! - The key is the digest of the content and nothing else. Who may read is
//!   decided above.
//! - For each content of an upstream there is at most one upstream request:
//!   [`Cache::fetch`] starts a fill that belongs to nobody, and everyone reads from
//!   the growing file. A follower has no other path, whatever happens to it or the
//!   fill. No upstream's fill is another's, until its file is verified and stored.
//! - A disk without room means streaming without storing. There is no file to
//!   share then, so each client costs one upstream request.
//! - Room is made for bytes that came, not for those that a manifest declares.
//! - Eviction takes what was pulled least recently, blobs before manifests,
//!   and never what is being read. What was only passed counts as pulled a week
//!   earlier, and each environment has its share (`eviction_rules`). Pull times are kept
//!   as the files' modification times, holders in an extended attribute.
//! - No async worker waits for the disk, and no lock is held meanwhile: files
//!   are opened, renamed and removed in the blocking pool, or at once where the
//!   kernel needs no disk for that.

mod at_hand;
mod blob_request;
mod cached_manifest;
mod claims;
mod config;
mod content_memory;
mod counters;
mod digest_locks;
mod digests;
mod error;
mod evict;
mod eviction_rules;
mod fetch;
mod file_store;
mod fill;
mod fill_file;
mod fills;
mod holder;
mod lengths;
mod manifests;
mod open;
mod other_digest;
mod recheck;
mod recheck_walk;
mod remote;
mod share;
mod space;
mod spans;
mod startup_scan;
mod store;
mod temporary;
mod uncached;
mod upstream_content;
mod write_fault;
mod write_probe;
mod writer;

#[cfg(test)]
mod tests;

pub use blob_request::BlobRequest;
pub use cached_manifest::CachedManifest;
pub use config::CacheOptions;
pub use content_memory::CachedBlob;
pub use counters::CacheStats;
pub use digests::{DigestRecords, LacksOther, OnVerified, VerifiedContent};
pub use error::{CacheError, FetchError, SharedError};
pub use evict::Evicted;
pub use fetch::{Blob, BlobOrigin};
pub use holder::{ContentUse, HeldAs, Holder};
pub use remote::{
    BlobStore, PruneBounds, Pruned, RemoteCondition, RemoteError, RemoteLimits, RemoteOptions,
    RemoteTier,
};
pub use store::Cache;
pub use upstream_content::BlobSpan;
