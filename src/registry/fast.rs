//! The fast lane: no await, no SQL, no span; memory only, but for the files of large blobs,
//! which the kernel opens without the disk.
//!
//! Paths repeat, so what a path means is read once and remembered by its text.
//! The answer itself is the gate's, asked anew each time.

use std::sync::Arc;
use std::time::Instant;

use http::request::Parts;
use http::{HeaderMap, Method, header};
use jiff::Timestamp;
use quick_cache::Weighter;
use quick_cache::sync::Cache as Memory;

use super::answer::{self, RegistryResponse};
use super::blob_answer;
use crate::gate::{Client, Gate, Pull, RequestTarget};
use crate::http::without_body;
use crate::memory::HeapSize;
use crate::oci::Reference;
use crate::trust::ImageMember;

/// Bytes of paths remembered at most, with what they mean: some 20,000 of common length.
const MAX_PATHS_BYTES: u64 = 16 << 20;

/// What a path and its meaning weigh on average: a hint for the first allocation.
const TYPICAL_PATH_BYTES: u64 = 1024;

/// What the map needs to hold one.
const ENTRY_OVERHEAD_BYTES: usize = 128 + size_of::<Remembered>();

/// What the headers of a blob's answer take on the heap: room for eight, and the digest.
const HEAD_BYTES: usize = 1024;

/// The longest path remembered, in bytes: no name, reference and `ns` need more.
const MAX_PATH_BYTES: usize = 1024;

/// What a path means.
pub(super) enum Remembered {
    Manifest(ManifestRequest),
    Blob(BlobRequest),
}

pub(super) struct ManifestRequest {
    pub(super) target: RequestTarget,
    pub(super) reference: Reference,
}

/// A blob that was served before.
pub(super) struct BlobRequest {
    pub(super) target: RequestTarget,
    /// Through which image.
    pub(super) member: ImageMember,
    /// The headers of an answer with all of it.
    pub(super) head: HeaderMap,
}

impl Remembered {
    pub(super) fn target(&self) -> &RequestTarget {
        match self {
            Self::Manifest(manifest) => &manifest.target,
            Self::Blob(blob) => &blob.target,
        }
    }
}

impl HeapSize for Remembered {
    fn heap_size(&self) -> usize {
        let own = match self {
            Self::Manifest(manifest) => manifest.reference.heap_size(),
            Self::Blob(blob) => HEAD_BYTES + blob.member.heap_size(),
        };
        self.target().repository.heap_size() + own
    }
}

/// A path weighs its bytes, and what it means.
#[derive(Clone)]
struct PathWeigher;

impl Weighter<Box<str>, Arc<Remembered>> for PathWeigher {
    fn weight(&self, path: &Box<str>, means: &Arc<Remembered>) -> u64 {
        let means = means.heap_size() + ENTRY_OVERHEAD_BYTES;
        (path.len() + means) as u64
    }
}

/// Paths that were read before.
pub(super) struct PathCache(Memory<Box<str>, Arc<Remembered>, PathWeigher>);

impl PathCache {
    pub(super) fn new() -> Self {
        let items = usize::try_from(MAX_PATHS_BYTES / TYPICAL_PATH_BYTES).unwrap_or(0);
        Self(Memory::with_weighter(items, MAX_PATHS_BYTES, PathWeigher))
    }

    /// A longer path is read anew each time: what is remembered is bounded.
    pub(super) fn remember(&self, path_and_query: &str, means: Arc<Remembered>) {
        if path_and_query.len() <= MAX_PATH_BYTES {
            self.0.insert(path_and_query.into(), means);
        }
    }

    /// The answer to a hot manifest or blob, or `None`: take the layered path.
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
        let means = self.0.get(parts.uri.path_and_query()?.as_str())?;
        let pull = Pull {
            client,
            target: means.target(),
            now,
            started,
        };
        match &*means {
            Remembered::Manifest(asked) => manifest(gate, pull, asked, &parts.method),
            Remembered::Blob(asked) => {
                let wanted = blob_answer::wanted(parts);
                let served = gate.hot_blob(pull, &asked.member, wanted)?;
                Some(blob_answer::blob(served, asked.head.clone()))
            }
        }
    }
}

fn manifest(
    gate: &Gate,
    pull: Pull<'_>,
    asked: &ManifestRequest,
    method: &Method,
) -> Option<RegistryResponse> {
    let answer = match gate.hot_manifest(pull, &asked.reference)? {
        Ok(manifest) => answer::manifest(&manifest),
        Err(refusal) => answer::refusal(&refusal),
    };
    let answer = answer::echo(&asked.target, answer);
    debug_assert!(!answer.headers().contains_key(header::CONTENT_LENGTH));
    Some(match *method {
        Method::HEAD => without_body(answer),
        _ => answer,
    })
}
