//! The digests of every content that comes in.
//!
//! Evidence is never inherited from one algorithm to the other, but a revocation of
//! either holds for both; so where something is said of SHA-512, the pair must be known
//! before a content can be read to its end. SHA-512 takes twice as long as SHA-256 where
//! the processor has instructions for the latter alone, so it is left out as long as
//! nothing is said of it ([`DigestRecords::lacks_other`]).

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256, Sha512};

use super::error::{FetchError, SharedError};
use crate::oci::{Algorithm, Digest};

/// A verified content under its names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedContent {
    pub sha256: Digest,
    /// Known where the content was asked for by it, or something is said of such digests.
    pub sha512: Option<Digest>,
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

/// Whether something may be said of a digest's counterpart under the other algorithm, and
/// it is not known which that is. Asked at each read, so it must be quick.
pub type LacksOther = Arc<dyn Fn(&Digest) -> bool + Send + Sync>;

/// Who records the digests of contents, and knows which of them are recorded.
#[derive(Clone)]
pub struct DigestRecords {
    pub on_verified: OnVerified,
    pub lacks_other: LacksOther,
}

impl DigestRecords {
    /// Whether a content that is asked for by `digest` is hashed under SHA-512, too. What
    /// is asked for by SHA-512 always gets both: of SHA-256 something is always said.
    pub(super) fn wants_sha512(&self, digest: &Digest) -> bool {
        digest.algorithm() == Algorithm::Sha512 || (self.lacks_other)(digest)
    }

    /// A hasher for what is asked for by `digest`.
    pub(super) fn hasher(&self, digest: &Digest) -> ContentHasher {
        ContentHasher::new(self.wants_sha512(digest))
    }
}

/// The hashes of bytes that come piece by piece.
pub(super) struct ContentHasher {
    sha256: Sha256,
    sha512: Option<Sha512>,
    size: u64,
}

impl ContentHasher {
    pub(super) fn new(with_sha512: bool) -> Self {
        Self {
            sha256: Sha256::default(),
            sha512: with_sha512.then(Sha512::default),
            size: 0,
        }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        if let Some(sha512) = &mut self.sha512 {
            sha512.update(bytes);
        }
        self.size += bytes.len() as u64;
    }

    /// Whether it hashes under both algorithms.
    pub(super) fn is_of_both(&self) -> bool {
        self.sha512.is_some()
    }

    /// Bytes seen so far.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// The hashes after `pieces`, which are handed back.
    pub(super) fn after(mut self, pieces: Vec<Bytes>) -> (Self, Vec<Bytes>) {
        pieces.iter().for_each(|piece| self.update(piece));
        (self, pieces)
    }

    pub(super) fn finish(self) -> VerifiedContent {
        let sha512 = self.sha512.map(|hash| hash.finalize().into());
        VerifiedContent {
            sha256: Digest::Sha256(self.sha256.finalize().into()),
            sha512: sha512.map(|hash| Digest::Sha512(Box::new(hash))),
            size: self.size,
            asked: Algorithm::Sha256,
        }
    }
}

impl VerifiedContent {
    /// The digest that it was not asked for by, if it is known.
    pub fn other(&self) -> Option<&Digest> {
        match self.asked {
            Algorithm::Sha256 => self.sha512.as_ref(),
            Algorithm::Sha512 => Some(&self.sha256),
        }
    }

    /// Under both algorithms.
    pub(super) fn of(bytes: &[u8]) -> Self {
        let mut digests = ContentHasher::new(true);
        digests.update(bytes);
        digests.finish()
    }

    /// Refuses a content that is not `expected`.
    pub(super) fn verify(self, expected: &Digest) -> Result<Self, FetchError> {
        let actual = match expected.algorithm() {
            Algorithm::Sha256 => Some(&self.sha256),
            Algorithm::Sha512 => self.sha512.as_ref(),
        };
        match actual {
            Some(actual) if actual == expected => Ok(Self {
                asked: expected.algorithm(),
                ..self
            }),
            actual => Err(FetchError::WrongDigest {
                expected: expected.clone(),
                actual: actual.unwrap_or(&self.sha256).clone(),
            }),
        }
    }
}
