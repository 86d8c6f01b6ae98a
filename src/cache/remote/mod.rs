//! The remote tier: an object store, or a folder, that replicas share.
//!
//! ```text
//! <prefix>/blobs/<alg>/<ab>/<hex>        verified bytes, verbatim
//! <prefix>/manifests/<alg>/<ab>/<hex>    the media type, a line feed, the verbatim bytes
//! <prefix>/pulled/<alg>/<ab>/<hex>       empty; written when it was pulled, so its age tells when
//! ```
//!
//! Invariants:
//! - A key is made of the digest of verified content, and of nothing that a client, an
//!   upstream or an uploader chose. So replicas share what they store.
//! - What lies there is believed no more than an upstream: it is hashed while it is read.
//!   What is proven wrong is removed and fetched from upstream.
//! - Nobody waits for it beyond a bound: it is a shortcut. Where it is slow, fails or
//!   rests ([`breaker`]), the upstream is asked as if there were no such tier.
//! - It is written behind everyone's back, from the local disk, once content was
//!   verified and stored there. The queue is bounded, and what it has no room for is
//!   counted and left out.
//! - A client is led there only to what this process itself verified there, and only
//!   while it is the same object by the store's own tag.

mod blob_store;
mod breaker;
mod condition;
mod connect;
mod connector;
mod content_key;
mod credentials;
mod error;
mod found_object;
mod prune;
mod queue;
mod read;
mod redirect;
mod tier;
mod write;

pub use blob_store::BlobStore;
pub use condition::RemoteCondition;
pub use connect::RemoteOptions;
pub use error::RemoteError;
pub use prune::{PruneBounds, Pruned};
pub use tier::{RemoteLimits, RemoteTier};

pub(super) use content_key::{ContentKey, KeptKind};
pub(super) use queue::{QueuedJob, RemoteJob};
pub(super) use read::RemoteRead;
pub(super) use write::WrittenContent;
