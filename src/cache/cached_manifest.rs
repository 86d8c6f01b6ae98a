//! A manifest under its digest.
//!
//! On disk the media type stands in the first line of the file, so that both
//! appear in one rename.

use std::fs::File;
use std::os::unix::fs::FileExt;

use bytes::Bytes;
use http::HeaderValue;

use crate::oci::{Digest, MediaType};

/// A manifest as it came, under the digest it was verified against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CachedManifest {
    digest: Digest,
    media_type: MediaType,
    bytes: Bytes,
    /// Ready for the head of an answer.
    content_type: HeaderValue,
    digest_header: HeaderValue,
}

impl CachedManifest {
    pub(super) fn new(digest: Digest, media_type: MediaType, bytes: Bytes) -> Self {
        let octets = HeaderValue::from_static("application/octet-stream");
        let empty = HeaderValue::from_static("");
        Self {
            content_type: HeaderValue::from_str(media_type.as_str()).unwrap_or(octets),
            digest_header: HeaderValue::try_from(digest.to_string()).unwrap_or(empty),
            digest,
            media_type,
            bytes,
        }
    }

    /// As [`read_verified`] reads it; `None` where the media type has a line feed.
    pub(super) fn to_file(&self) -> Option<Vec<u8>> {
        let media_type = self.media_type.as_str();
        (!media_type.contains('\n')).then(|| [media_type.as_bytes(), b"\n", &self.bytes].concat())
    }

    /// The same bytes, served as `media_type`.
    pub(super) fn retyped(&self, media_type: &MediaType) -> Self {
        Self::new(self.digest.clone(), media_type.clone(), self.bytes.clone())
    }

    /// Whether it can be served where judgement read it as `judged`.
    pub(super) fn is_of(&self, judged: Option<&MediaType>) -> bool {
        judged.is_none_or(|judged| *judged == self.media_type)
    }

    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    pub fn media_type(&self) -> &MediaType {
        &self.media_type
    }

    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The media type, as `Content-Type`.
    pub fn content_type(&self) -> &HeaderValue {
        &self.content_type
    }

    /// The digest, as `Docker-Content-Digest`.
    pub fn digest_header(&self) -> &HeaderValue {
        &self.digest_header
    }
}

/// More than any registry takes is not read back from the disk.
const MAX_FILE_BYTES: u64 = 64 * 1024 * 1024;

/// A manifest in `file` that has the digest.
pub(super) fn read_verified(file: &File, size: u64, digest: &Digest) -> Option<CachedManifest> {
    let size = usize::try_from(size.min(MAX_FILE_BYTES)).ok()?;
    let mut content = vec![0; size];
    file.read_exact_at(&mut content, 0).ok()?;
    parse(digest, content)
}

/// A manifest as [`CachedManifest::to_file`] writes it, if it has the digest.
pub(super) fn parse(digest: &Digest, content: Vec<u8>) -> Option<CachedManifest> {
    let line = content.iter().position(|byte| *byte == b'\n')?;
    let media_type = MediaType::new(std::str::from_utf8(&content[..line]).ok()?);
    let bytes = Bytes::from(content).slice(line + 1..);
    digest
        .matches(&bytes)
        .then(|| CachedManifest::new(digest.clone(), media_type, bytes))
}
