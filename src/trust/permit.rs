//! Proof that judgement passed.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::EnvironmentName;
use crate::oci::{Closure, Digest, Repository};

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
    valid_until: Option<Timestamp>,
}

impl Permit {
    pub(super) fn new(subject: Subject, valid_until: Option<Timestamp>) -> Self {
        Self {
            subject,
            valid_until,
        }
    }

    /// What may be served.
    pub fn digest(&self) -> &Digest {
        &self.subject.digest
    }

    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// `None`: for as long as evidence and rules stay as they are.
    pub fn valid_until(&self) -> Option<Timestamp> {
        self.valid_until
    }

    /// The only way from an image to its blob: the permit for `blob`, if the
    /// image that this permit names holds it.
    pub fn member(self, closure: &Closure, blob: &Digest) -> Option<Permit> {
        let holds = closure.root() == self.digest()
            && closure
                .images()
                .filter(|image| image.manifest == *self.digest())
                .any(|image| image.blobs().any(|descriptor| descriptor.digest == *blob));
        holds.then(|| {
            let subject = Subject {
                digest: blob.clone(),
                ..self.subject
            };
            Permit::new(subject, self.valid_until)
        })
    }
}
