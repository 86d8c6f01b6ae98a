//! What is asked of the cache.

use super::holder::ContentUse;
use crate::oci::{Digest, Repository};

/// A blob that is to be served, as the manifest of a permitted image names it.
#[derive(Clone, Debug)]
pub struct BlobRequest {
    /// The repository of the image, at whose upstream the blob lies.
    pub source: Repository,
    pub digest: Digest,
    /// That of its descriptor, in bytes; a content longer or shorter is refused.
    pub size: u64,
    pub used: ContentUse,
}
