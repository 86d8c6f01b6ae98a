//! The same bytes under both digest algorithms.

use crate::oci::{Algorithm, Digest};

/// Two digests of the same bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alias {
    pub sha256: Digest,
    pub sha512: Digest,
}

impl Alias {
    /// Of bytes that are in hand.
    pub fn of(bytes: &[u8]) -> Self {
        Self {
            sha256: Digest::sha256(bytes),
            sha512: Digest::sha512(bytes),
        }
    }

    pub fn digests(&self) -> impl Iterator<Item = &Digest> {
        [&self.sha256, &self.sha512].into_iter()
    }

    pub(super) fn is_of_both_algorithms(&self) -> bool {
        let algorithms = (self.sha256.algorithm(), self.sha512.algorithm());
        algorithms == (Algorithm::Sha256, Algorithm::Sha512)
    }

    /// The other one, if `digest` is one of the two.
    pub(super) fn other(&self, digest: &Digest) -> Option<Digest> {
        match digest {
            it if *it == self.sha256 => Some(self.sha512.clone()),
            it if *it == self.sha512 => Some(self.sha256.clone()),
            _ => None,
        }
    }
}
