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

use super::answer::{self, Answer};
use crate::gate::{Asker, Gate, Pull, Target};
use crate::http::without_body;
use crate::oci::Reference;

/// Paths remembered at most.
const REMEMBERED: usize = 16_384;

/// The longest path remembered, in bytes: no name, reference and `ns` need more.
const LONGEST: usize = 1024;

/// What a manifest's path means.
pub(super) struct Destination {
    pub(super) target: Target,
    pub(super) reference: Reference,
}

/// Paths that were read before.
pub(super) struct Paths(Memory<Box<str>, Arc<Destination>>);

impl Paths {
    pub(super) fn new() -> Self {
        Self(Memory::new(REMEMBERED))
    }

    /// A longer path is read anew each time: what is remembered is bounded.
    pub(super) fn remember(&self, path_and_query: &str, destination: Arc<Destination>) {
        if path_and_query.len() <= LONGEST {
            self.0.insert(path_and_query.into(), destination);
        }
    }

    /// The answer to a hot manifest, or `None`: take the layered path.
    pub(super) fn answer(
        &self,
        gate: &Gate,
        asker: &Asker,
        parts: &Parts,
        now: Timestamp,
        started: Instant,
    ) -> Option<Answer> {
        if parts.method != Method::GET && parts.method != Method::HEAD {
            return None;
        }
        let destination = self.0.get(parts.uri.path_and_query()?.as_str())?;
        let pull = Pull {
            asker,
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
