//! The fast lane: memory only, no await, no SQL, no span, no formatting.
//!
//! Paths repeat, so what a path means is read once and remembered by its text.
//! The answer itself is the gate's, asked anew each time.

use std::sync::Arc;
use std::time::Instant;

use http::request::Parts;
use http::{Method, header};
use jiff::Timestamp;
use quick_cache::Weighter;
use quick_cache::sync::Cache as Memory;

use super::answer::{self, RegistryResponse};
use crate::gate::{Client, Gate, Pull, RequestTarget};
use crate::http::without_body;
use crate::memory::HeapSize;
use crate::oci::Reference;

/// Bytes of paths remembered at most, with what they mean: some 20,000 of common length.
const MAX_PATHS_BYTES: u64 = 16 << 20;

/// What a path and its meaning weigh on average: a hint for the first allocation.
const TYPICAL_PATH_BYTES: u64 = 1024;

/// What the map needs to hold one.
const ENTRY_OVERHEAD_BYTES: usize = 128;

/// The longest path remembered, in bytes: no name, reference and `ns` need more.
const MAX_PATH_BYTES: usize = 1024;

/// What a manifest's path means.
pub(super) struct ManifestRequest {
    pub(super) target: RequestTarget,
    pub(super) reference: Reference,
}

/// A path weighs its bytes, and what it means.
#[derive(Clone)]
struct PathWeigher;

impl Weighter<Box<str>, Arc<ManifestRequest>> for PathWeigher {
    fn weight(&self, path: &Box<str>, means: &Arc<ManifestRequest>) -> u64 {
        let means = means.target.repository.heap_size() + means.reference.heap_size();
        let whole = path.len() + means + size_of::<ManifestRequest>() + ENTRY_OVERHEAD_BYTES;
        whole as u64
    }
}

/// Paths that were read before.
pub(super) struct PathCache(Memory<Box<str>, Arc<ManifestRequest>, PathWeigher>);

impl PathCache {
    pub(super) fn new() -> Self {
        let items = usize::try_from(MAX_PATHS_BYTES / TYPICAL_PATH_BYTES).unwrap_or(0);
        Self(Memory::with_weighter(items, MAX_PATHS_BYTES, PathWeigher))
    }

    /// A longer path is read anew each time: what is remembered is bounded.
    pub(super) fn remember(&self, path_and_query: &str, destination: Arc<ManifestRequest>) {
        if path_and_query.len() <= MAX_PATH_BYTES {
            self.0.insert(path_and_query.into(), destination);
        }
    }

    /// The answer to a hot manifest, or `None`: take the layered path.
    pub(super) fn answer(
        &self,
        gate: &Gate,
        client: &Client,
        parts: &Parts,
        now: Timestamp,
        started: Instant,
    ) -> Option<RegistryResponse> {
        if parts.method != Method::GET && parts.method != Method::HEAD {
            return None;
        }
        let destination = self.0.get(parts.uri.path_and_query()?.as_str())?;
        let pull = Pull {
            client,
            target: &destination.target,
            now,
            started,
        };
        let answer = match gate.hot_manifest(pull, &destination.reference)? {
            Ok(manifest) => answer::manifest(&manifest),
            Err(refusal) => answer::refusal(&refusal),
        };
        let answer = answer::echo(&destination.target, answer);
        debug_assert!(!answer.headers().contains_key(header::CONTENT_LENGTH));
        Some(match parts.method {
            Method::HEAD => without_body(answer),
            _ => answer,
        })
    }
}
