//! What was stored while nothing was said of SHA-512, hashed under it once something is:
//! before it is read again, and in the background before anybody asks.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use jiff::Timestamp;

use super::digests::{ContentHasher, VerifiedContent};
use super::error::FetchError;
use super::store::{Cache, Inner};
use crate::oci::Digest;
use crate::stream::SharedFile;

/// Bytes read at once.
const READ_BYTES: usize = 256 * 1024;

impl Cache {
    /// Hashes the stored blobs whose other digest is lacking, one after the other, and has
    /// it recorded. Returns how many there were. Takes a second for each GiB.
    pub async fn learn_other_digests_once(&self, now: Timestamp) -> usize {
        let inner = self.inner.clone();
        let lacking = move || {
            let mut digests = inner.blobs.digests();
            digests.retain(|digest| (inner.records.lacks_other)(digest));
            digests
        };
        let lacking = tokio::task::spawn_blocking(lacking).await;
        let mut learned = 0;
        for digest in lacking.unwrap_or_default() {
            let (inner, wanted) = (self.inner.clone(), digest.clone());
            let open = move || inner.blobs.open_to_copy(&wanted);
            let Ok(Some((file, _))) = tokio::task::spawn_blocking(open).await else {
                continue;
            };
            // What is revoked is refused when it is asked for, too.
            let _refused = self.inner.learn_other_digest(&digest, file, now).await;
            learned += 1;
        }
        learned
    }
}

impl Inner {
    /// Hashes a stored file under both algorithms and has them recorded; once for all who
    /// ask at the same time. A file that is not what its name says is removed.
    ///
    /// # Errors
    /// [`FetchError::Unrecorded`] where it may not be read; [`FetchError::WrongDigest`].
    pub(super) async fn learn_other_digest(
        self: &Arc<Self>,
        digest: &Digest,
        file: Arc<SharedFile>,
        now: Timestamp,
    ) -> Result<(), FetchError> {
        let (inner, digest) = (self.clone(), digest.clone());
        let key = digest.clone();
        let learn = || async move {
            let verified = hash_both(file).await?.verify(&digest);
            if let Err(FetchError::WrongDigest { .. }) = &verified {
                let remove = move || inner.blobs.remove(&digest, &inner.temporary);
                let _unlinked = tokio::task::spawn_blocking(remove).await;
                return verified.map(drop);
            }
            (inner.records.on_verified)(verified?, now)
                .await
                .map_err(FetchError::Unrecorded)
        };
        self.learning.join(&key, learn).await
    }

    /// The verified content with its other digest, where something began to be said of
    /// such digests while it was hashed.
    pub(super) async fn with_other_digest(
        &self,
        verified: VerifiedContent,
        file: &Arc<SharedFile>,
    ) -> Result<VerifiedContent, FetchError> {
        let lacks = |digest| (self.records.lacks_other)(digest);
        if verified.sha512.is_some() || !lacks(&verified.sha256) {
            return Ok(verified);
        }
        hash_both(file.clone()).await?.verify(&verified.sha256)
    }
}

async fn hash_both(file: Arc<SharedFile>) -> Result<VerifiedContent, FetchError> {
    let hash = move || hash_file(&file, ContentHasher::new(true));
    let hashed = tokio::task::spawn_blocking(hash).await;
    let hashed = hashed.map_err(|_| FetchError::Interrupted)?;
    Ok(hashed?.finish())
}

pub(super) fn hash_file(file: &File, mut hasher: ContentHasher) -> io::Result<ContentHasher> {
    let mut buffer = vec![0; READ_BYTES];
    let mut offset = 0;
    loop {
        match file.read_at(&mut buffer, offset) {
            Ok(0) => return Ok(hasher),
            Ok(length) => {
                hasher.update(&buffer[..length]);
                offset += length as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
