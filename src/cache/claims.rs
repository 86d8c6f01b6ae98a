//! Work on the file of one digest: one thread at a time.
//!
//! The index is never locked while the disk is waited for. What must not
//! overlap, such as the removal of a file and the rename of its successor, is
//! kept apart by a claim on the digest instead. Claims are taken in the
//! blocking pool only.

use std::collections::HashSet;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::oci::Digest;

/// The digests whose files are being changed.
#[derive(Default)]
pub(super) struct Claims {
    taken: Mutex<HashSet<Digest>>,
    released: Condvar,
}

/// The right to change the file of a digest, until dropped.
pub(super) struct Claim<'a> {
    claims: &'a Claims,
    digest: &'a Digest,
}

impl Claims {
    /// Claims `digest`. Blocks while another thread holds it.
    pub(super) fn take<'a>(&'a self, digest: &'a Digest) -> Claim<'a> {
        let free = self
            .released
            .wait_while(self.lock(), |taken| taken.contains(digest));
        let mut taken = free.unwrap_or_else(PoisonError::into_inner);
        taken.insert(digest.clone());
        Claim {
            claims: self,
            digest,
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<Digest>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.claims.lock().remove(self.digest);
        self.claims.released.notify_all();
    }
}
