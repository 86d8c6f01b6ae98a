//! How many replicas serve beside each other, so that what an upstream may be asked holds
//! for all of them together: each takes its share, and nobody is asked on a pull.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// How many replicas serve, this one included. Clones show the same number.
#[derive(Clone, Debug)]
pub struct ReplicaCount(Arc<AtomicU32>);

impl Default for ReplicaCount {
    /// One that serves alone.
    fn default() -> Self {
        Self(Arc::new(AtomicU32::new(1)))
    }
}

impl ReplicaCount {
    /// Takes over a new number; at least this one serves.
    pub fn set(&self, replicas: u32) {
        self.0.store(replicas.max(1), Ordering::Relaxed);
    }

    pub fn get(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }

    /// The share of `limit` that this replica has; never nothing.
    pub fn share(&self, limit: u32) -> u32 {
        (limit / self.get()).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_replica_has_its_share_and_never_nothing() {
        let count = ReplicaCount::default();
        assert_eq!(count.share(600), 600);
        let same = count.clone();
        same.set(3);
        assert_eq!((count.share(600), count.share(2)), (200, 1));
        count.set(0);
        assert_eq!(same.share(600), 600);
    }
}
