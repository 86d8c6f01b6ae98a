//! Whether a stored file has the length that an image says of it. Either may be wrong: the
//! disk may have cut the file, and who wrote the image's manifest may have lied. The file's
//! digest tells which.

use std::cmp::Ordering;
use std::sync::Arc;

use super::digests::ContentHasher;
use super::error::FetchError;
use super::other_digest::hash_file;
use super::store::{Cache, Inner};
use crate::oci::{Algorithm, Digest};
use crate::stream::SharedFile;

impl Cache {
    /// Whether a blob that is stored here has the length that an image says, as far as its
    /// own is known: one that was found at the start and not read since may be damaged.
    /// Memory only.
    ///
    /// # Errors
    /// [`FetchError::TooLong`] or [`FetchError::TooShort`].
    pub fn expect_length(&self, digest: &Digest, expected: u64) -> Result<(), FetchError> {
        let stored = self.inner.blobs.proven_size(digest);
        stored.map_or(Ok(()), |actual| has_length(actual, expected))
    }
}

pub(super) fn has_length(actual: u64, expected: u64) -> Result<(), FetchError> {
    match actual.cmp(&expected) {
        Ordering::Equal => Ok(()),
        Ordering::Less => Err(FetchError::TooShort { expected, actual }),
        Ordering::Greater => Err(FetchError::TooLong { expected, actual }),
    }
}

impl Inner {
    /// Whether a blob of another length than an image says is what its name says. One that is
    /// not is removed, to be fetched again. A file is hashed for that once: whoever lies about
    /// a length has it neither removed nor read again and again.
    ///
    /// # Errors
    /// [`FetchError::Interrupted`].
    pub(super) async fn is_sound(
        self: &Arc<Self>,
        digest: &Digest,
        file: Arc<SharedFile>,
    ) -> Result<bool, FetchError> {
        if self.blobs.proven_size(digest).is_some() {
            return Ok(true);
        }
        let (inner, wanted) = (self.clone(), digest.clone());
        let prove = || async move {
            let proven = tokio::task::spawn_blocking(move || inner.prove(&wanted, &file));
            proven.await.map_err(|_| FetchError::Interrupted)
        };
        self.proofs.join(digest, prove).await
    }

    fn prove(&self, digest: &Digest, file: &SharedFile) -> bool {
        let hasher = ContentHasher::new(digest.algorithm() == Algorithm::Sha512);
        let hashed = hash_file(file, hasher);
        let is_sound = hashed.is_ok_and(|it| it.finish().verify(digest).is_ok());
        match is_sound {
            true => self.blobs.prove(digest),
            false => drop(self.blobs.remove_unproven(digest, &self.temporary)),
        }
        is_sound
    }
}
