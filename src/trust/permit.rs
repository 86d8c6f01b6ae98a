//! Proof that judgement passed.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::EnvironmentName;
use crate::memory::HeapSize;
use crate::oci::{Closure, Digest, MediaType, Repository, Shape};

/// What is judged: a manifest digest in a repository, for an environment.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Subject {
    pub environment: EnvironmentName,
    pub repository: Repository,
    pub digest: Digest,
}

/// Proof that judgement passed. It cannot be made outside of this room or
/// cloned, and serving a byte takes one by value. A transfer that began under a
/// permit finishes under it.
#[derive(Debug)]
pub struct Permit {
    subject: Subject,
    media_type: Option<MediaType>,
    valid_until: Option<Timestamp>,
    by_mode: bool,
    kind: Kind,
}

/// What a permit serves. One digest may be a manifest and another image's layer.
#[derive(Debug, PartialEq, Eq)]
enum Kind {
    Manifest,
    Blob,
}

impl Permit {
    pub(super) fn new(
        subject: Subject,
        media_type: Option<MediaType>,
        valid_until: Option<Timestamp>,
        by_mode: bool,
    ) -> Self {
        Self {
            subject,
            media_type,
            valid_until,
            by_mode,
            kind: Kind::Manifest,
        }
    }

    /// What may be served.
    pub fn digest(&self) -> &Digest {
        &self.subject.digest
    }

    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// What the manifest was read as when it was judged: it is served as nothing else.
    /// `None` for a blob, and where no manifest was read.
    pub fn media_type(&self) -> Option<&MediaType> {
        self.media_type.as_ref()
    }

    /// Whether the mode let pass what `enforce` would have denied.
    pub fn is_by_mode(&self) -> bool {
        self.by_mode
    }

    /// `None`: for as long as evidence and rules stay as they are.
    pub fn valid_until(&self) -> Option<Timestamp> {
        self.valid_until
    }

    /// The only way from an image to its blob: the permit for `blob`, if the
    /// image that this permit names holds it. An index holds none, nor does a blob.
    pub fn member(self, closure: &Closure, blob: &Digest) -> Option<Permit> {
        self.proven_member(&ImageMember::of(closure, blob)?)
    }

    /// The same by a proof that was made before.
    pub fn proven_member(self, proof: &ImageMember) -> Option<Permit> {
        let proven = self.kind == Kind::Manifest && proof.image == *self.digest();
        proven.then(|| Permit {
            subject: Subject {
                digest: proof.blob.clone(),
                ..self.subject
            },
            media_type: None,
            valid_until: self.valid_until,
            by_mode: self.by_mode,
            kind: Kind::Blob,
        })
    }
}

/// Proof that an image holds a blob. It rests on the image's digest alone, so it holds for
/// ever, and permits nothing by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageMember {
    image: Digest,
    blob: Digest,
    size: u64,
}

impl HeapSize for ImageMember {
    fn heap_size(&self) -> usize {
        self.image.heap_size() + self.blob.heap_size()
    }
}

impl ImageMember {
    /// Only of an image as the root of its own closure.
    pub fn of(closure: &Closure, blob: &Digest) -> Option<Self> {
        let Shape::Image(image) = closure.shape() else {
            return None;
        };
        let held = image.blobs().find(|it| it.digest == *blob)?;
        (closure.root() == &image.manifest).then(|| Self {
            image: image.manifest.clone(),
            blob: blob.clone(),
            size: held.size,
        })
    }

    /// The image that holds the blob.
    pub fn image(&self) -> &Digest {
        &self.image
    }

    /// The blob.
    pub fn digest(&self) -> &Digest {
        &self.blob
    }

    /// Of the blob in bytes, as the image's manifest says.
    pub fn size(&self) -> u64 {
        self.size
    }
}
