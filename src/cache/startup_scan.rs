//! Builds the index of stored files at the start.

use std::fs::{self, DirEntry};
use std::io;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use super::file_store::{FileStore, StoredFile};
use super::holder::Holder;
use crate::oci::{Algorithm, Digest};

/// Fills the index of `store` from its folders. Files whose names are no digests are left
/// alone and never served.
pub(super) fn scan(store: &FileStore) -> io::Result<()> {
    for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
        let root = store.root().join(algorithm.as_str());
        fs::create_dir_all(&root)?;
        for folder in fs::read_dir(root)? {
            let folder = folder?;
            if folder.file_type()?.is_dir() {
                scan_folder(store, algorithm, &folder.path())?;
            }
        }
    }
    Ok(())
}

fn scan_folder(store: &FileStore, algorithm: Algorithm, folder: &Path) -> io::Result<()> {
    for file in fs::read_dir(folder)? {
        let file = file?;
        let metadata = file.metadata()?;
        let digest = digest_of(algorithm, &file);
        let Some(digest) = digest.filter(|digest| store.file_path(digest) == file.path()) else {
            tracing::warn!(file.path = %file.path().display(), "a file in the cache is not the cache's");
            continue;
        };
        if metadata.is_file() {
            let pulled = metadata.modified().map_or(0, epoch_seconds);
            let held = (pulled, Holder::saved(&file.path()));
            store.insert(digest, StoredFile::found(metadata.len(), held));
        }
    }
    Ok(())
}

fn digest_of(algorithm: Algorithm, file: &DirEntry) -> Option<Digest> {
    let name = file.file_name();
    Digest::parse(&format!("{}:{}", algorithm.as_str(), name.to_str()?)).ok()
}

fn epoch_seconds(time: SystemTime) -> i64 {
    let elapsed = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(elapsed.as_secs()).unwrap_or(i64::MAX)
}
