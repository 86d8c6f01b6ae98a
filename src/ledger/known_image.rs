//! What is known of an image besides what judgement asks: for questions that people ask.

use jiff::Timestamp;

use crate::oci::{Digest, Platform, Repository};
use crate::trust::Subject;

/// An image manifest that is known to lie in a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownImage {
    pub repository: Repository,
    pub manifest: Digest,
    /// `None` where it was only seen, so that nobody read what it is.
    pub platform: Option<Platform>,
    /// The image ID, where it is known.
    pub config: Option<Digest>,
    /// Recorded indexes that hold it.
    pub indexes: Vec<Digest>,
}

impl KnownImage {
    /// One that was only seen.
    pub fn unread(repository: Repository, manifest: Digest) -> Self {
        Self {
            repository,
            manifest,
            platform: None,
            config: None,
            indexes: Vec::new(),
        }
    }

    /// The digests under which it is promoted, pulled and run.
    pub fn digests(&self) -> impl Iterator<Item = &Digest> {
        std::iter::once(&self.manifest).chain(&self.indexes)
    }
}

/// That a digest is known in an environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownPlace {
    pub subject: Subject,
    pub last_pulled: Option<Timestamp>,
    pub promoted: bool,
}

/// What is known of an image's contents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScanCoverage {
    /// When the newest scan that left nothing out was made.
    pub scanned_at: Timestamp,
    /// Whether a scan lists packages without a finding, too.
    pub lists_packages: bool,
}
