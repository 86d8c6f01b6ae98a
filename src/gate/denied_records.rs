//! How much of what was denied is recorded all the same.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::oci::{Closure, Image, Shape};

/// Descriptors of denied indexes that are recorded from one start to the next; each takes some
/// 200 bytes of the ledger. Any client can name as many indexes as the upstream has, and a
/// short one may name the same large manifests again. Further ones are remembered in memory
/// only.
const MAX_DENIED: u64 = 1 << 20;
/// The same of what holds something that is revoked or blocked.
const MAX_SPOKEN_AGAINST: u64 = 4 << 20;

/// What is left of both.
pub(super) struct DeniedRecords {
    denied: AtomicU64,
    spoken_against: AtomicU64,
}

impl DeniedRecords {
    pub fn new() -> Self {
        Self {
            denied: AtomicU64::new(MAX_DENIED),
            spoken_against: AtomicU64::new(MAX_SPOKEN_AGAINST),
        }
    }

    /// Whether an index that was denied is recorded.
    pub fn take_denied(&self, index: &Closure) -> bool {
        take(&self.denied, descriptors(index))
    }

    /// Whether what somebody spoke against is recorded.
    pub fn take_spoken_against(&self, closure: &Closure) -> bool {
        take(&self.spoken_against, descriptors(closure))
    }
}

/// Takes `count` off, if so many are left.
fn take(left: &AtomicU64, count: u64) -> bool {
    let less = |left: u64| left.checked_sub(count);
    left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less)
        .is_ok()
}

/// Those that the record of a closure holds: one that several manifests name is in each.
fn descriptors(closure: &Closure) -> u64 {
    let entries = match closure.shape() {
        Shape::Image(_) => 1,
        Shape::Index(children) => children.len() + closure.nested().len(),
    };
    let of_images = closure.images().map(|image: &Image| image.layers.len() + 1);
    (entries + of_images.sum::<usize>()) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::{ChildOutcome, Descriptor, Digest, ImageContent, MediaType};

    fn descriptor(name: &str) -> Descriptor {
        Descriptor {
            media_type: MediaType::OCI_MANIFEST,
            digest: Digest::sha256(name.as_bytes()),
            size: 1,
            platform: None,
            artifact_type: None,
        }
    }

    /// An index of `children` manifests with the same `layers`.
    fn index(children: usize, layers: usize) -> Closure {
        let child = |number: usize| {
            let name = format!("manifest {number}");
            let image = Image {
                manifest: Digest::sha256(name.as_bytes()),
                media_type: MediaType::OCI_MANIFEST,
                size: 1,
                content: ImageContent::Attestation,
                config: descriptor("config"),
                layers: (0..layers).map(|it| descriptor(&format!("{it}"))).collect(),
                subject: None,
            };
            crate::oci::Child {
                descriptor: descriptor(&name),
                outcome: ChildOutcome::Image(Box::new(image)),
            }
        };
        let shape = Shape::Index((0..children).map(child).collect());
        let root = Digest::sha256(b"root");
        Closure::from_parts(root, MediaType::OCI_INDEX, 1, shape, Vec::new())
    }

    #[test]
    fn strangers_cannot_make_the_ledger_grow_by_indexes_that_are_denied() {
        let records = DeniedRecords::new();
        let large = index(100, 500);
        let recorded = (0..1000).filter(|_| records.take_denied(&large)).count();
        assert_eq!(recorded as u64, MAX_DENIED / (100 + 100 * 501));
        // What is spoken against has a part of its own.
        assert!(records.take_spoken_against(&large));
        assert!(!records.take_denied(&large));
    }

    #[test]
    fn usual_indexes_that_are_denied_are_recorded_by_the_thousand() {
        let records = DeniedRecords::new();
        let usual = index(8, 10);
        assert!((0..10_000).all(|_| records.take_denied(&usual)));
    }
}
