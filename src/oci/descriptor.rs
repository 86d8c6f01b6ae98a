//! Content descriptors (image-spec, descriptor.md).

use serde::{Deserialize, Serialize};

use super::{Digest, MediaType, Platform};

/// What one piece of content says of another: its type, digest and size.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Descriptor {
    pub media_type: MediaType,
    pub digest: Digest,
    /// In bytes.
    pub size: u64,
    /// Set on the entries of an index, where they say so.
    pub platform: Option<Platform>,
    pub artifact_type: Option<MediaType>,
}
