//! What the local disk holds goes to the remote tier, behind everyone's back.

use std::sync::Arc;

use jiff::Timestamp;

use super::cached_manifest::read_verified;
use super::remote::{
    ContentKey, KeptKind, QueuedJob, RemoteError, RemoteJob, RemoteTier, WrittenContent,
};
use super::store::{Cache, Inner};
use crate::oci::Digest;

/// Uploads at once: each holds two parts of a large blob in memory.
const MAX_UPLOADS: usize = 3;

impl Cache {
    /// Starts what works through the queue, where there is a remote tier.
    pub(super) fn spawn_uploads(&self) {
        let Some(remote) = &self.inner.remote else {
            return;
        };
        for _ in 0..MAX_UPLOADS {
            let (inner, remote) = (Arc::downgrade(&self.inner), remote.clone());
            let shutdown = self.inner.tasks.cancelled();
            let upload = async move {
                tokio::pin!(shutdown);
                loop {
                    let job = tokio::select! {
                        () = &mut shutdown => return,
                        job = remote.next_job() => job,
                    };
                    let Some(inner) = inner.upgrade() else {
                        return;
                    };
                    // What is left undone is done again when it is pulled again.
                    tokio::select! {
                        () = &mut shutdown => return,
                        () = inner.share_one(&remote, job) => {}
                    }
                }
            };
            self.inner.tasks.spawn("remote uploads", upload);
        }
    }
}

impl Inner {
    /// Offers what the local disk holds to the remote tier.
    pub(super) fn share(&self, key: ContentKey, now: Timestamp) {
        let store = match key.kind {
            KeptKind::Blob => &self.blobs,
            KeptKind::Manifest => &self.manifests,
        };
        if let (Some(remote), Some(size)) = (&self.remote, store.size(&key.digest)) {
            remote.offer(key, size, now);
        }
    }

    /// Tells the remote tier of a pull. What it lacks is offered.
    pub(super) fn share_pulled(&self, digest: &Digest, now: Timestamp) {
        if let Some(remote) = &self.remote {
            remote.pulled(digest, now);
            self.share(ContentKey::blob(digest), now);
            self.share(ContentKey::manifest(digest), now);
        }
    }

    async fn share_one(self: &Arc<Self>, remote: &RemoteTier, job: QueuedJob) {
        let done = match &job.job {
            RemoteJob::Mark(digest) => remote.mark(digest, job.since).await,
            RemoteJob::Upload(key) => self.upload(remote, key, job.since).await,
        };
        remote.finish(job, &done);
    }

    async fn upload(
        self: &Arc<Self>,
        remote: &RemoteTier,
        key: &ContentKey,
        now: Timestamp,
    ) -> Result<(), RemoteError> {
        let (content, size) = self.open_to_share(key).await?;
        if remote.lacks(key, size, now).await? {
            return remote.write(key, content, now).await;
        }
        match key.kind {
            KeptKind::Blob => remote.verify_there(key, now).await,
            KeptKind::Manifest => Ok(()),
        }
    }

    /// What lies under the key on the local disk.
    async fn open_to_share(
        self: &Arc<Self>,
        key: &ContentKey,
    ) -> Result<(WrittenContent, u64), RemoteError> {
        let (inner, key) = (self.clone(), key.clone());
        let opened = tokio::task::spawn_blocking(move || match key.kind {
            KeptKind::Blob => {
                let opened = inner.blobs.open_to_copy(&key.digest);
                let (file, size) = opened.ok_or(RemoteError::Absent)?;
                Ok((WrittenContent::File(file, size), size))
            }
            KeptKind::Manifest => {
                let opened = inner.manifests.open_to_copy(&key.digest);
                let (file, size) = opened.ok_or(RemoteError::Absent)?;
                let manifest = read_verified(&file, size, &key.digest);
                let content = manifest.and_then(|manifest| manifest.to_file());
                let content = content.ok_or(RemoteError::Damaged)?;
                Ok((WrittenContent::Bytes(content.into()), size))
            }
        });
        opened.await.unwrap_or(Err(RemoteError::Damaged))
    }
}
