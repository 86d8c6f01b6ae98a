//! The words that closures are written in, each under its number.

use super::digest_table::{DigestId, DigestTable};
use super::interner::Interner;
use crate::oci::{Digest, MediaType, Platform, Repository, Tag};
use crate::trust::EnvironmentName;

/// The number of a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct RepositoryId(pub u32);

/// What stands for digests, repositories, media types and other words.
#[derive(Default)]
pub(super) struct Vocabulary {
    /// Those that the ledger knows something of.
    pub digests: DigestTable,
    pub repositories: Interner<Repository>,
    pub media_types: Interner<MediaType>,
    pub platforms: Interner<Platform>,
    pub environments: Interner<EnvironmentName>,
    pub tags: Interner<Tag>,
}

impl Vocabulary {
    pub fn digest(&self, id: DigestId) -> Option<Digest> {
        self.digests.get(id)
    }

    pub fn repository(&self, id: RepositoryId) -> Option<&Repository> {
        self.repositories.get(id.0)
    }

    pub fn repository_id(&self, repository: &Repository) -> Option<RepositoryId> {
        self.repositories.find(repository).map(RepositoryId)
    }
}
