//! Under which name content lies in the remote tier.

use object_store::path::Path;

use crate::memory::HeapSize;
use crate::oci::{Algorithm, Digest};

pub(super) const ALGORITHMS: [Algorithm; 2] = [Algorithm::Sha256, Algorithm::Sha512];

/// What is kept under a digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::cache) enum KeptKind {
    Blob,
    Manifest,
}

impl KeptKind {
    pub(super) const ALL: [Self; 2] = [Self::Blob, Self::Manifest];

    pub(super) const fn folder(self) -> &'static str {
        match self {
            Self::Blob => "blobs",
            Self::Manifest => "manifests",
        }
    }
}

/// Where marks of pulls lie.
pub(super) const PULLED: &str = "pulled";

/// Content by what it is and its digest: all that its name is made of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::cache) struct ContentKey {
    pub(in crate::cache) kind: KeptKind,
    pub(in crate::cache) digest: Digest,
}

impl ContentKey {
    pub(in crate::cache) fn blob(digest: &Digest) -> Self {
        let (kind, digest) = (KeptKind::Blob, digest.clone());
        Self { kind, digest }
    }

    pub(in crate::cache) fn manifest(digest: &Digest) -> Self {
        let (kind, digest) = (KeptKind::Manifest, digest.clone());
        Self { kind, digest }
    }

    pub(super) fn path(&self, prefix: &Path) -> Path {
        path_of(prefix, self.kind.folder(), &self.digest)
    }
}

impl HeapSize for ContentKey {
    fn heap_size(&self) -> usize {
        self.digest.heap_size()
    }
}

/// Where the mark of a digest's last pull lies.
pub(super) fn mark_path(prefix: &Path, digest: &Digest) -> Path {
    path_of(prefix, PULLED, digest)
}

/// The folder of all digests of an algorithm.
pub(super) fn algorithm_path(prefix: &Path, folder: &str, algorithm: Algorithm) -> Path {
    prefix.clone().join(folder).join(algorithm.as_str())
}

fn path_of(prefix: &Path, folder: &str, digest: &Digest) -> Path {
    let hex = digest.hex();
    let shard = hex.get(..2).unwrap_or_default().to_owned();
    algorithm_path(prefix, folder, digest.algorithm())
        .join(shard)
        .join(hex)
}

/// The digest that a name ends with, if it is one.
pub(super) fn digest_of(path: &Path, algorithm: Algorithm) -> Option<Digest> {
    let name = path.filename()?;
    Digest::parse(&format!("{}:{name}", algorithm.as_str())).ok()
}
