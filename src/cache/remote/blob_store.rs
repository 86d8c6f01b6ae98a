//! A place for content beyond this machine, in four verbs: open, write, remove, list.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{BoxStream, StreamExt, TryStreamExt};
use http::Method;
use jiff::Timestamp;
use object_store::path::Path;
use object_store::signer::Signer;
use object_store::{
    GetOptions, ObjectMeta, ObjectStore, ObjectStoreExt, PutPayload, Result as StoreResult,
};
use url::Url;

use super::content_key::{ContentKey, algorithm_path, digest_of, mark_path};
use super::error::RemoteError;
use super::found_object::FoundObject;
use super::write::{WrittenContent, write};
use crate::oci::{Algorithm, Digest};

/// A prefix that nothing lies below: listing it tells whether the store answers us.
const PROBE_PREFIX: &str = "nothing";

/// A bucket, or a folder. Clones share it.
#[derive(Clone)]
pub struct BlobStore {
    objects: Arc<dyn ObjectStore>,
    /// Makes addresses that need no credentials; a folder has none.
    signer: Option<Arc<dyn Signer>>,
    prefix: Path,
}

/// An object that is being read.
pub(super) struct OpenObject {
    pub(super) found: FoundObject,
    pub(super) pieces: BoxStream<'static, Result<Bytes, RemoteError>>,
}

/// An object of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ListedObject {
    pub(super) digest: Digest,
    pub(super) size: u64,
    pub(super) written: Timestamp,
}

impl BlobStore {
    pub(super) fn new(
        objects: Arc<dyn ObjectStore>,
        signer: Option<Arc<dyn Signer>>,
        prefix: Path,
    ) -> Self {
        Self {
            objects,
            signer,
            prefix,
        }
    }

    /// Starts to read an object.
    pub(super) async fn open(&self, key: &ContentKey) -> Result<OpenObject, RemoteError> {
        let path = key.path(&self.prefix);
        let got = self.objects.get_opts(&path, GetOptions::default()).await?;
        Ok(OpenObject {
            found: found(&got.meta),
            pieces: got.into_stream().map_err(RemoteError::from).boxed(),
        })
    }

    /// The object, if it is there, without its bytes.
    pub(super) async fn find(&self, key: &ContentKey) -> Result<FoundObject, RemoteError> {
        let meta = self.objects.head(&key.path(&self.prefix)).await?;
        Ok(found(&meta))
    }

    /// Writes an object, whole or not at all, and returns it as it lies there.
    pub(super) async fn write(
        &self,
        key: &ContentKey,
        content: WrittenContent,
    ) -> Result<FoundObject, RemoteError> {
        let path = key.path(&self.prefix);
        write(&*self.objects, &path, key, content).await
    }

    /// Removes an object; one that is gone is as good.
    pub(super) async fn remove(&self, key: &ContentKey) -> Result<(), RemoteError> {
        gone(self.objects.delete(&key.path(&self.prefix)).await)
    }

    /// What lies in one shard of a folder, such as `blobs`.
    pub(super) async fn list(
        &self,
        folder: &str,
        algorithm: Algorithm,
        shard: &str,
    ) -> Result<Vec<ListedObject>, RemoteError> {
        let below = algorithm_path(&self.prefix, folder, algorithm).join(shard.to_owned());
        let listed = self.objects.list(Some(&below));
        let objects = listed.try_filter_map(|meta| async move {
            let digest = digest_of(&meta.location, algorithm);
            Ok(digest.map(|digest| ListedObject {
                digest,
                size: meta.size,
                written: written(&meta),
            }))
        });
        Ok(objects.try_collect().await?)
    }

    /// The shards of a folder that there are.
    pub(super) async fn shards(
        &self,
        folder: &str,
        algorithm: Algorithm,
    ) -> Result<Vec<String>, RemoteError> {
        let below = algorithm_path(&self.prefix, folder, algorithm);
        let listed = self.objects.list_with_delimiter(Some(&below)).await?;
        let names = listed.common_prefixes.iter().filter_map(Path::filename);
        Ok(names.map(str::to_owned).collect())
    }

    /// Notes that content was pulled now.
    pub(super) async fn mark(&self, digest: &Digest) -> Result<(), RemoteError> {
        let path = mark_path(&self.prefix, digest);
        self.objects.put(&path, PutPayload::new()).await?;
        Ok(())
    }

    /// When content was last marked as pulled; `None`: never.
    pub(super) async fn marked(&self, digest: &Digest) -> Result<Option<Timestamp>, RemoteError> {
        let meta = self.objects.head(&mark_path(&self.prefix, digest)).await;
        match meta.map_err(RemoteError::from) {
            Ok(meta) => Ok(Some(written(&meta))),
            Err(RemoteError::Absent) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn remove_mark(&self, digest: &Digest) -> Result<(), RemoteError> {
        gone(self.objects.delete(&mark_path(&self.prefix, digest)).await)
    }

    /// Whether the store answers us at all.
    pub(super) async fn probe(&self) -> Result<(), RemoteError> {
        let nothing = self.prefix.clone().join(PROBE_PREFIX);
        self.objects.list_with_delimiter(Some(&nothing)).await?;
        Ok(())
    }

    /// An address at which anyone can read the object for `lasting`.
    pub(super) async fn sign(
        &self,
        key: &ContentKey,
        lasting: Duration,
    ) -> Result<Url, RemoteError> {
        let signer = self.signer.as_ref().ok_or(RemoteError::Absent)?;
        let path = key.path(&self.prefix);
        Ok(signer.signed_url(Method::GET, &path, lasting).await?)
    }
}

fn found(meta: &ObjectMeta) -> FoundObject {
    FoundObject {
        size: meta.size,
        tag: meta.e_tag.clone(),
    }
}

/// By the store's clock.
fn written(meta: &ObjectMeta) -> Timestamp {
    Timestamp::from_second(meta.last_modified.timestamp()).unwrap_or(Timestamp::MIN)
}

fn gone(removed: StoreResult<()>) -> Result<(), RemoteError> {
    match removed.map_err(RemoteError::from) {
        Err(RemoteError::Absent) => Ok(()),
        removed => removed,
    }
}
