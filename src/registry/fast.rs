//! The fast lane: memory only, no await, no SQL, no span, no formatting.
//!
//! Paths repeat, so what a path means is read once and remembered by its text.
//! The answer itself is the gate's, asked anew each time.

use std::sync::Arc;
use std::time::Instant;

use http::request::Parts;
use http::{Method, header};
use jiff::Timestamp;
use quick_cache::sync::Cache as Memory;

use super::answer::{self, RegistryResponse};
use crate::gate::{Client, Gate, Pull, RequestTarget};
use crate::http::without_body;
use crate::oci::Reference;

/// Paths remembered at most.
const MAX_PATHS: usize = 16_384;

/// The longest path remembered, in bytes: no name, reference and `ns` need more.
const MAX_PATH_BYTES: usize = 1024;

/// What a manifest's path means.
pub(super) struct ManifestRequest {
    pub(super) target: RequestTarget,
    pub(super) reference: Reference,
}

/// Paths that were read before.
pub(super) struct PathCache(Memory<Box<str>, Arc<ManifestRequest>>);

impl PathCache {
    pub(super) fn new() -> Self {
        Self(Memory::new(MAX_PATHS))
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
