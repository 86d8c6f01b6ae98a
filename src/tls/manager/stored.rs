//! What a store holds.

use crate::tls::authority::Files;

/// Files, and what tells them from those before and after.
pub(super) struct Stored {
    pub(super) files: Files,
    pub(super) version: String,
}
