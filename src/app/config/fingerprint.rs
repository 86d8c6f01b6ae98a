//! Whether a file still holds what it held: its content is compared, since times
//! of change say little of ConfigMaps and network file systems.

use sha2::{Digest as _, Sha256};

/// Stands for a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    pub fn of(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }
}
