//! Both digests of every content that comes in.
//!
//! Evidence is never inherited from one algorithm to the other, but a
//! revocation of either holds for both; so the pair must be known before the
//! content can be read to its end.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256, Sha512};

use super::error::{FetchError, SharedError};
use crate::oci::{Algorithm, Digest};

/// A verified content under both of its names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedContent {
    pub sha256: Digest,
    pub sha512: Digest,
    /// Length in bytes.
    pub size: u64,
    /// Which of the two it was asked for by.
    pub asked: Algorithm,
}

/// Called once for each verified content with the time at which it was asked
/// for, and awaited before it becomes visible and before its last bytes leave:
/// what can be read is recorded. An error fails the fill.
pub type OnVerified = Arc<
    dyn Fn(VerifiedContent, Timestamp) -> BoxFuture<'static, Result<(), SharedError>> + Send + Sync,
>;

/// Both hashes of bytes that come piece by piece.
#[derive(Default)]
pub(super) struct ContentHasher {
    sha256: Sha256,
    sha512: Sha512,
    size: u64,
}

impl ContentHasher {
    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        self.sha512.update(bytes);
        self.size += bytes.len() as u64;
    }

    /// Both hashes after `pieces`, which are handed back.
    pub(super) fn after(mut self, pieces: Vec<Bytes>) -> (Self, Vec<Bytes>) {
        pieces.iter().for_each(|piece| self.update(piece));
        (self, pieces)
    }

    pub(super) fn finish(self) -> VerifiedContent {
        VerifiedContent {
            sha256: Digest::Sha256(self.sha256.finalize().into()),
            sha512: Digest::Sha512(Box::new(self.sha512.finalize().into())),
            size: self.size,
            asked: Algorithm::Sha256,
        }
    }
}

impl VerifiedContent {
    /// The digest that it was not asked for by.
    pub fn other(&self) -> &Digest {
        match self.asked {
            Algorithm::Sha256 => &self.sha512,
            Algorithm::Sha512 => &self.sha256,
        }
    }

    pub(super) fn of(bytes: &[u8]) -> Self {
        let mut digests = ContentHasher::default();
        digests.update(bytes);
        digests.finish()
    }

    /// Refuses a content that is not `expected`.
    pub(super) fn verify(self, expected: &Digest) -> Result<Self, FetchError> {
        let actual = match expected.algorithm() {
            Algorithm::Sha256 => &self.sha256,
            Algorithm::Sha512 => &self.sha512,
        };
        if actual == expected {
            return Ok(Self {
                asked: expected.algorithm(),
                ..self
            });
        }
        Err(FetchError::WrongDigest {
            expected: expected.clone(),
            actual: actual.clone(),
        })
    }
}
