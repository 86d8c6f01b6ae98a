//! A full check: every stored byte is hashed again.

use std::fs::File;
use std::io;
use std::path::Path;

use super::cached_manifest::read_verified;
use super::file_store::FileStore;
use super::other_digest::has_digest;
use super::store::{Cache, Inner};
use crate::oci::Digest;

/// What a full check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verification {
    pub files: u64,
    pub bytes: u64,
    /// Those that were wrong or could not be read. They are removed.
    pub corrupt: Vec<Digest>,
}

impl Cache {
    /// Hashes all stored files again and removes those that are corrupt. Reads
    /// every byte: minutes for a large cache.
    pub async fn verify_all(&self) -> Verification {
        let inner = self.inner.clone();
        let verify = tokio::task::spawn_blocking(move || inner.verify());
        verify.await.unwrap_or_default()
    }
}

impl Inner {
    fn verify(&self) -> Verification {
        let mut found = Verification::default();
        self.verify_store(&self.blobs, is_blob, &mut found);
        self.verify_store(&self.manifests, is_manifest, &mut found);
        found
    }

    fn verify_store(&self, store: &FileStore, is_right: ContentCheck, found: &mut Verification) {
        for digest in store.digests() {
            let right = match check(&store.file_path(&digest), &digest, is_right) {
                // Evicted meanwhile, or lost: a miss, as ever.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                right => right,
            };
            match right {
                Ok(Some(size)) => {
                    found.files += 1;
                    found.bytes += size;
                }
                _ => {
                    let _unlinked = store.remove(&digest, &self.temporary);
                    found.corrupt.push(digest);
                }
            }
        }
    }
}

type ContentCheck = fn(&File, u64, &Digest) -> bool;

/// The file's size if its content is right.
fn check(path: &Path, digest: &Digest, is_right: ContentCheck) -> io::Result<Option<u64>> {
    let file = File::open(path)?;
    let size = file.metadata()?.len();
    Ok(is_right(&file, size, digest).then_some(size))
}

fn is_blob(file: &File, _: u64, digest: &Digest) -> bool {
    has_digest(file, digest)
}

fn is_manifest(file: &File, size: u64, digest: &Digest) -> bool {
    read_verified(file, size, digest).is_some()
}
