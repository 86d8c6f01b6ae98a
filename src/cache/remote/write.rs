//! Writing an object from the local disk: hashed on the way, so that a damaged file never
//! becomes everyone's; in parts where it is large.

use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStore, ObjectStoreExt, PutPayload, PutResult};
use sha2::{Digest as _, Sha256, Sha512};

use super::content_key::ContentKey;
use super::error::RemoteError;
use super::found_object::FoundObject;
use crate::oci::{Algorithm, Digest};
use crate::stream::SharedFile;

/// What is larger goes up in parts of this size: so much memory an upload takes.
pub(super) const PART_BYTES: u64 = 8 << 20;
/// S3 takes 10,000.
const MAX_PARTS: u64 = 9_000;

/// What is written under a key.
pub(in crate::cache) enum WrittenContent {
    /// Verified already.
    Bytes(Bytes),
    /// A file of so many bytes.
    File(Arc<SharedFile>, u64),
}

/// The hash of one algorithm over bytes that come piece by piece.
pub(super) enum Hashing {
    Sha256(Box<Sha256>),
    Sha512(Box<Sha512>),
}

impl Hashing {
    pub(super) fn of(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Sha256 => Self::Sha256(Box::default()),
            Algorithm::Sha512 => Self::Sha512(Box::default()),
        }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hash) => hash.update(bytes),
            Self::Sha512(hash) => hash.update(bytes),
        }
    }

    pub(super) fn finish(self) -> Digest {
        match self {
            Self::Sha256(hash) => Digest::Sha256(hash.finalize().into()),
            Self::Sha512(hash) => Digest::Sha512(Box::new(hash.finalize().into())),
        }
    }
}

pub(super) async fn write(
    objects: &dyn ObjectStore,
    path: &Path,
    key: &ContentKey,
    content: WrittenContent,
) -> Result<FoundObject, RemoteError> {
    let (size, put) = match content {
        WrittenContent::Bytes(bytes) => {
            let size = bytes.len() as u64;
            (size, objects.put(path, PutPayload::from(bytes)).await?)
        }
        WrittenContent::File(file, size) if size <= PART_BYTES => {
            let hashing = Hashing::of(key.digest.algorithm());
            let (bytes, hashing) = read_part(file, 0, size, hashing).await?;
            verify(hashing, &key.digest)?;
            (size, objects.put(path, PutPayload::from(bytes)).await?)
        }
        WrittenContent::File(file, size) => (
            size,
            write_in_parts(objects, path, key, (file, size)).await?,
        ),
    };
    let tag = put.e_tag;
    Ok(FoundObject { size, tag })
}

/// What is not completed is invisible, and aborted where it ends in an error.
async fn write_in_parts(
    objects: &dyn ObjectStore,
    path: &Path,
    key: &ContentKey,
    content: (Arc<SharedFile>, u64),
) -> Result<PutResult, RemoteError> {
    let mut upload = objects.put_multipart(path).await?;
    match send_parts(&mut *upload, key, content).await {
        Ok(()) => Ok(upload.complete().await?),
        Err(error) => {
            let _left_to_the_store = upload.abort().await;
            Err(error)
        }
    }
}

/// One part after the other, each read while the one before it is sent.
async fn send_parts(
    upload: &mut dyn MultipartUpload,
    key: &ContentKey,
    (file, size): (Arc<SharedFile>, u64),
) -> Result<(), RemoteError> {
    let length = PART_BYTES.max(size.div_ceil(MAX_PARTS));
    let hashing = Hashing::of(key.digest.algorithm());
    let mut offset = 0;
    let (mut part, mut so_far) = read_part(file.clone(), 0, length.min(size), hashing).await?;
    loop {
        offset += part.len() as u64;
        let left = size.saturating_sub(offset);
        let sent = upload.put_part(PutPayload::from(part));
        if left == 0 {
            sent.await?;
            return verify(so_far, &key.digest);
        }
        let next = read_part(file.clone(), offset, length.min(left), so_far);
        let (sent, next) = tokio::join!(sent, next);
        sent?;
        (part, so_far) = next?;
    }
}

fn verify(hashing: Hashing, expected: &Digest) -> Result<(), RemoteError> {
    match hashing.finish() == *expected {
        true => Ok(()),
        false => Err(RemoteError::Damaged),
    }
}

async fn read_part(
    file: Arc<SharedFile>,
    offset: u64,
    length: u64,
    mut hashing: Hashing,
) -> Result<(Bytes, Hashing), RemoteError> {
    let read = tokio::task::spawn_blocking(move || {
        let mut part = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
        file.read_exact_at(&mut part, offset)?;
        hashing.update(&part);
        io::Result::Ok((Bytes::from(part), hashing))
    });
    let read = read.await.map_err(io::Error::other).flatten();
    read.map_err(|_| RemoteError::Damaged)
}
