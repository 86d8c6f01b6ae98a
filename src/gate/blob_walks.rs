//! How far the images that hold a blob were asked, where they are too many for one request.
//!
//! What an image rests on for a moment only, as on a trusted base, is judged anew by each
//! request. So it is not the remembered verdicts alone that let the next request come further.

use jiff::{SignedDuration, Timestamp};

use crate::memory::{BoundedMemory, HeapSize, Validity};
use crate::oci::Digest;
use crate::trust::{Exposure, Subject};

/// The most bytes of walks: of about 10,000 blobs.
const MAX_BYTES: u64 = 4 << 20;
/// How long a walk may take. Longer ones begin anew.
const LASTS: SignedDuration = SignedDuration::from_mins(5);

/// A blob in a repository of an environment, and the exposure of who asks for it.
pub(super) type WalkedBlob = (Subject, Exposure);

/// On what the verdicts of a walk rest: the newest change, and the revision of the policy.
pub(super) type WalkBasis = (u64, u64);

/// The walks that did not come to their end.
pub(super) struct BlobWalks(BoundedMemory<WalkedBlob, BrokenOff>);

/// Where a walk goes on.
#[derive(Clone)]
struct BrokenOff {
    /// The image that is asked next.
    next: Digest,
    began: Timestamp,
    basis: WalkBasis,
    is_doubtful: bool,
}

impl HeapSize for BrokenOff {
    fn heap_size(&self) -> usize {
        self.next.heap_size()
    }
}

/// The part of a walk that one request makes.
pub(super) struct BlobWalk {
    blob: WalkedBlob,
    began: Timestamp,
    basis: WalkBasis,
    /// Where it goes on, while that lies ahead.
    next: Option<Digest>,
    /// Some were asked by an earlier request.
    has_passed: bool,
    /// One of those may say something else by now, or could not be judged.
    is_doubtful: bool,
}

impl BlobWalks {
    pub(super) fn new() -> Self {
        Self(BoundedMemory::new(MAX_BYTES))
    }

    /// A walk from the first image on.
    pub(super) fn begin(blob: WalkedBlob, basis: WalkBasis, now: Timestamp) -> BlobWalk {
        BlobWalk {
            blob,
            basis,
            began: now,
            next: None,
            has_passed: false,
            is_doubtful: false,
        }
    }

    /// The same from where an earlier request came to.
    pub(super) fn resume(&self, blob: WalkedBlob, basis: WalkBasis, now: Timestamp) -> BlobWalk {
        match self.0.get(&blob, now) {
            Some(broken_off) => BlobWalk {
                began: broken_off.began,
                is_doubtful: broken_off.is_doubtful || broken_off.basis != basis,
                next: Some(broken_off.next),
                basis: broken_off.basis,
                ..Self::begin(blob, basis, now)
            },
            None => Self::begin(blob, basis, now),
        }
    }

    /// The next request asks `next` first.
    pub(super) fn break_off(&self, walk: BlobWalk, next: Digest) {
        let validity = Validity::lasting(walk.began, LASTS);
        let broken_off = BrokenOff {
            next,
            began: walk.began,
            basis: walk.basis,
            is_doubtful: walk.is_doubtful,
        };
        self.0.insert(walk.blob, broken_off, validity);
    }

    /// All images were asked; returns whether each of them still says what it said.
    pub(super) fn end(&self, walk: &BlobWalk) -> bool {
        self.0.remove(&walk.blob);
        walk.next.is_none() && !(walk.has_passed && walk.is_doubtful)
    }
}

impl BlobWalk {
    /// An image could not be judged.
    pub(super) fn fail(&mut self) {
        self.is_doubtful = true;
    }

    /// Whether an earlier request asked this image.
    pub(super) fn passes_by(&mut self, image: &Digest) -> bool {
        if self.next.as_ref() == Some(image) {
            self.next = None;
        }
        self.has_passed |= self.next.is_some();
        self.next.is_some()
    }
}
