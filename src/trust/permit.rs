//! Proof that judgement passed.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::EnvironmentName;
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
        let Shape::Image(image) = closure.shape() else {
            return None;
        };
        let judged = self.kind == Kind::Manifest
            && closure.root() == self.digest()
            && image.manifest == *self.digest();
        let holds = judged && image.blobs().any(|it| it.digest == *blob);
        holds.then(|| Permit {
            subject: Subject {
                digest: blob.clone(),
                ..self.subject
            },
            media_type: None,
            valid_until: self.valid_until,
            by_mode: self.by_mode,
            kind: Kind::Blob,
        })
    }
}
