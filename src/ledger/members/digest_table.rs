//! Digests by number.

use super::interner::Interner;
use crate::oci::Digest;

/// The number of a digest. Those of one algorithm are even, of the other odd.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct DigestId(pub u32);

impl DigestId {
    pub fn is_sha512(self) -> bool {
        self.0 % 2 == 1
    }

    /// Its place among those of its algorithm.
    pub fn row(self) -> u32 {
        self.0 / 2
    }

    fn new(row: u32, is_sha512: bool) -> Self {
        Self(row * 2 + u32::from(is_sha512))
    }
}

/// Digests, each kept once.
#[derive(Default)]
pub(super) struct DigestTable {
    sha256: Interner<[u8; 32]>,
    sha512: Interner<[u8; 64]>,
}

impl DigestTable {
    pub fn find(&self, digest: &Digest) -> Option<DigestId> {
        match digest {
            Digest::Sha256(hash) => Some(DigestId::new(self.sha256.find(hash)?, false)),
            Digest::Sha512(hash) => Some(DigestId::new(self.sha512.find(&**hash)?, true)),
        }
    }

    pub fn intern(&mut self, digest: &Digest) -> DigestId {
        match digest {
            Digest::Sha256(hash) => DigestId::new(self.sha256.intern(hash), false),
            Digest::Sha512(hash) => DigestId::new(self.sha512.intern(&**hash), true),
        }
    }

    pub fn get(&self, id: DigestId) -> Option<Digest> {
        match id.is_sha512() {
            false => Some(Digest::Sha256(*self.sha256.get(id.row())?)),
            true => Some(Digest::Sha512(Box::new(*self.sha512.get(id.row())?))),
        }
    }
}
