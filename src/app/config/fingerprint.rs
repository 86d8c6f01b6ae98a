//! Whether a file changed, by its content: modification times are not reliable for
//! ConfigMaps and network file systems.

use sha2::{Digest as _, Sha256};

/// SHA-256 of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    pub fn of(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }
}
