//! Leading a client to the store itself, by an address that lasts for minutes.

use std::time::Duration;

use futures_util::StreamExt;
use jiff::Timestamp;
use tokio::time::{Instant, timeout};
use url::Url;

use super::blob_store::BlobStore;
use super::content_key::ContentKey;
use super::error::RemoteError;
use super::tier::RemoteTier;
use super::write::Hashing;
use crate::metrics::{RemoteDirection, RemoteOperation};

/// What is smaller is sent at once: another connection would take longer.
const MIN_BYTES: u64 = 64 << 10;
/// How long the object may take to be read through, for each MiB and at least.
const VERIFY_EACH_MIB: Duration = Duration::from_secs(4);

impl RemoteTier {
    /// Whether any blob of `size` bytes may be led to.
    pub(in crate::cache) fn may_redirect(&self, size: u64) -> bool {
        self.limits.redirect.is_some() && size >= MIN_BYTES
    }

    /// Where a client can read a blob of `size` bytes by itself. Only where this process
    /// verified that very object, and it lies there now as it did then.
    pub(in crate::cache) async fn redirect(
        &self,
        key: &ContentKey,
        size: u64,
        now: Timestamp,
    ) -> Option<Url> {
        let lasting = self.limits.redirect?;
        let known = self.known.get(key, now)?;
        if size < MIN_BYTES || known.found.size != size || !known.verified {
            return None;
        }
        let tag = known.found.tag.as_ref()?;
        let found = match self.find_within_bound(key, now).await {
            Ok(found) => found,
            Err(error) => {
                if error == RemoteError::Absent {
                    self.known.remove(key);
                }
                return None;
            }
        };
        if found.tag.as_ref() != Some(tag) || found.size != size {
            self.known.remove(key);
            return None;
        }
        let store = self.store.load_full();
        let signed = timeout(self.limits.wait, store.sign(key, lasting)).await;
        let signed = signed.unwrap_or(Err(RemoteError::Slow(self.limits.wait.as_millis())));
        self.note(RemoteOperation::Redirect, &signed);
        signed.ok()
    }

    /// Reads an object of another replica through, where clients could be led to it.
    pub(in crate::cache) async fn verify_there(
        &self,
        key: &ContentKey,
        now: Timestamp,
    ) -> Result<(), RemoteError> {
        let known = self.known.get(key, now);
        let is_wanted = known.is_some_and(|it| !it.verified && it.found.size >= MIN_BYTES);
        if !is_wanted || self.limits.redirect.is_none() {
            return Ok(());
        }
        if self.reads.rest(Instant::now()).is_some() {
            return Ok(());
        }
        let store = self.store.load_full();
        let read = self.read_through(&store, key, now).await;
        self.note(RemoteOperation::Open, &read);
        match read {
            Ok(true) => Ok(()),
            Ok(false) => {
                self.remove_wrong(key, now).await;
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Whether it has its digest; then it is known to.
    async fn read_through(
        &self,
        store: &BlobStore,
        key: &ContentKey,
        now: Timestamp,
    ) -> Result<bool, RemoteError> {
        let mut object = self.in_time(store.open(key)).await?;
        let bound = VERIFY_EACH_MIB
            .saturating_mul(u32::try_from(object.found.size >> 20).unwrap_or(u32::MAX))
            .max(Duration::from_secs(30));
        let hashed = timeout(bound, async {
            let mut hashing = Hashing::of(key.digest.algorithm());
            while let Some(piece) = object.pieces.next().await {
                let piece = piece?;
                self.count_bytes(RemoteDirection::Read, piece.len() as u64);
                hashing.update(&piece);
            }
            Ok(hashing.finish() == key.digest)
        });
        let is_right = hashed
            .await
            .unwrap_or(Err(RemoteError::Slow(bound.as_millis())))?;
        if is_right {
            self.know(key, object.found, true, now);
        }
        Ok(is_right)
    }
}
