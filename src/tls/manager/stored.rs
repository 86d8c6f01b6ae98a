//! The files of a stored authority.

use crate::tls::authority::Files;

/// Files and the version that identifies them.
pub(super) struct StoredFiles {
    pub(super) files: Files,
    pub(super) version: String,
}
