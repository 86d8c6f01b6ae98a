//! What cosign's tags attach to images: signatures, attestations and bills of materials
//! under `sha256-<hex>.sig`, `.att` and `.sbom`, whose manifests name no subject.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::memory::{BoundedMemory, Validity};
use crate::oci::{Closure, Digest, Repository};

/// The most bytes remembered: some 10,000 attachments. What passes by one is recorded
/// with the image that it is attached to.
const MAX_BYTES: u64 = 4 << 20;
/// Images that one artifact is attached to, at most; the latest. The same bill of
/// materials may be that of several.
const MAX_SUBJECTS: usize = 8;

type Key = (Repository, Digest);

/// Artifacts, and the images that tags attach them to.
pub(super) struct Attachments {
    subjects: BoundedMemory<Key, Vec<Digest>>,
    /// How often one was noted that was not known.
    seen: AtomicU64,
}

impl Attachments {
    pub(super) fn new() -> Self {
        Self {
            subjects: BoundedMemory::new(MAX_BYTES),
            seen: AtomicU64::new(0),
        }
    }

    /// A tag attaches `artifact` to `subject`.
    pub(super) fn note(&self, repository: &Repository, artifact: &Digest, subject: Digest) {
        let key = (repository.clone(), artifact.clone());
        let mut subjects = self.subjects.last(&key).unwrap_or_default();
        if subjects.contains(&subject) {
            return;
        }
        if subjects.len() == MAX_SUBJECTS {
            subjects.remove(0);
        }
        subjects.push(subject);
        self.subjects.insert(key, subjects, Validity::ALWAYS);
        self.seen.fetch_add(1, Ordering::Release);
    }

    /// Grows whenever a tag is seen to attach something that it was not known to.
    pub(super) fn seen(&self) -> u64 {
        self.seen.load(Ordering::Acquire)
    }

    /// What `artifact` is attached to, as far as tags were asked for.
    pub(super) fn subjects(&self, repository: &Repository, artifact: &Digest) -> Vec<Digest> {
        let key = (repository.clone(), artifact.clone());
        self.subjects.last(&key).unwrap_or_default()
    }

    /// The closure with what a tag says of its root; none where no tag says more.
    pub(super) fn applied(&self, repository: &Repository, closure: &Closure) -> Option<Closure> {
        let subjects = self.subjects(repository, closure.root());
        closure.attached_to(subjects.last()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remembers_the_latest_images_and_each_repository_by_itself() {
        let attachments = Attachments::new();
        let [one, other] = ["a.corp/x", "a.corp/y"].map(|it| Repository::parse(it).unwrap());
        let artifact = Digest::sha256(b"sbom");
        let subject = |number: usize| Digest::sha256(&number.to_be_bytes());
        for number in (0..MAX_SUBJECTS + 2).chain([5]) {
            attachments.note(&one, &artifact, subject(number));
        }
        let latest: Vec<_> = (2..MAX_SUBJECTS + 2).map(subject).collect();
        assert_eq!(attachments.subjects(&one, &artifact), latest);
        assert!(attachments.subjects(&other, &artifact).is_empty());
        assert!(attachments.subjects(&one, &subject(5)).is_empty());
    }
}
