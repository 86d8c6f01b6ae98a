//! Locks by digest: one thread at a time changes the file of a digest.
//!
//! The index is never locked while the disk is waited for. What must not overlap, such as
//! the removal of a file and the rename of its successor, takes the digest's lock
//! instead. These locks are taken in the blocking pool only.

use std::collections::HashSet;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::oci::Digest;

/// The digests whose files are being changed.
#[derive(Default)]
pub(super) struct DigestLocks {
    taken: Mutex<HashSet<Digest>>,
    released: Condvar,
}

/// The lock of one digest, released when dropped.
pub(super) struct DigestLock<'a> {
    claims: &'a DigestLocks,
    digest: &'a Digest,
}

impl DigestLocks {
    /// Takes the lock of `digest`. Blocks while another thread holds it.
    pub(super) fn take<'a>(&'a self, digest: &'a Digest) -> DigestLock<'a> {
        let free = self
            .released
            .wait_while(self.lock(), |taken| taken.contains(digest));
        let mut taken = free.unwrap_or_else(PoisonError::into_inner);
        taken.insert(digest.clone());
        DigestLock {
            claims: self,
            digest,
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<Digest>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for DigestLock<'_> {
    fn drop(&mut self) {
        self.claims.lock().remove(self.digest);
        self.claims.released.notify_all();
    }
}
