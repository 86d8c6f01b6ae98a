//! The remote tier: shared by replicas, never waited for long, never believed.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use object_store::memory::InMemory;
use object_store::throttle::{ThrottleConfig, ThrottledStore};
use tempfile::TempDir;
use url::Url;

use super::kit::{KIB, TestCache, Upstream, admitted, at, config, content, read_whole};
use crate::cache::{BlobOrigin, BlobStore, FetchError, RemoteLimits, RemoteOptions, RemoteTier};
use crate::metrics::{
    Metrics, RemoteDrop, RemoteDropLabels, RemoteOperation, RemoteRequestLabels, RemoteResult,
};
use crate::oci::{Digest, MediaType};

/// Longer than any good store takes, also on a busy machine.
const WAIT: Duration = Duration::from_secs(20);

/// A folder that stands for the store, so that its objects can be spoilt.
pub struct Shared {
    pub folder: TempDir,
}

/// A replica: a disk of its own before the shared store.
pub struct Replica {
    pub near: TestCache,
    pub tier: Arc<RemoteTier>,
    pub metrics: Metrics,
    _disk: TempDir,
}

impl Shared {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { folder }
    }

    pub fn store(&self) -> BlobStore {
        let url = Url::from_directory_path(self.folder.path()).unwrap();
        BlobStore::connect(&options(url)).unwrap()
    }

    pub fn replica(&self) -> Replica {
        Replica::over(self.store(), WAIT)
    }

    pub fn blob(&self, digest: &Digest) -> PathBuf {
        self.object("blobs", digest)
    }

    pub fn object(&self, kind: &str, digest: &Digest) -> PathBuf {
        let hex = digest.hex();
        let folder = self.folder.path().join(kind);
        let folder = folder.join(digest.algorithm().as_str());
        folder.join(&hex[..2]).join(hex)
    }

    /// Waits until a replica has written it.
    pub async fn holds(&self, digest: &Digest) {
        eventually(|| self.blob(digest).exists()).await;
    }
}

pub fn options(url: Url) -> RemoteOptions {
    RemoteOptions {
        url,
        endpoint: None,
        region: None,
        path_style: true,
        credentials: None,
        ca: None,
    }
}

impl Replica {
    pub fn over(store: BlobStore, wait: Duration) -> Self {
        let (disk, metrics) = (tempfile::tempdir().unwrap(), Metrics::new());
        let tier = tier_over(store, wait, &metrics);
        Self {
            near: TestCache::over(config(disk.path()), Some(tier.clone())),
            tier,
            metrics,
            _disk: disk,
        }
    }

    /// Fetches a blob to its end.
    async fn fetch(&self, upstream: &Upstream) -> (BlobOrigin, Vec<u8>) {
        let blob = self.near.fetch(upstream).await.unwrap();
        let origin = blob.origin();
        (origin, read_whole(blob).await)
    }

    fn requests(&self, operation: RemoteOperation, result: RemoteResult) -> u64 {
        let labels = RemoteRequestLabels { operation, result };
        self.metrics.remote.requests.get_or_create(&labels).get()
    }
}

fn tier(shared: &Shared, metrics: &Metrics) -> Arc<RemoteTier> {
    tier_over(shared.store(), WAIT, metrics)
}

fn tier_over(store: BlobStore, wait: Duration, metrics: &Metrics) -> Arc<RemoteTier> {
    let limits = RemoteLimits {
        wait,
        redirect: None,
    };
    let url = "file:///".to_owned();
    Arc::new(RemoteTier::new(store, url, limits, metrics.clone()))
}

pub async fn eventually(mut happened: impl FnMut() -> bool) {
    for _ in 0..6000 {
        if happened() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("it did not happen");
}

fn spoil(file: &Path) {
    let mut bytes = std::fs::read(file).unwrap();
    bytes[0] ^= 1;
    std::fs::write(file, bytes).unwrap();
}

#[tokio::test]
async fn a_blob_that_one_replica_fetched_costs_the_next_no_upstream_request() {
    let shared = Shared::new();
    let (first, second) = (shared.replica(), shared.replica());
    for bytes in [content(1, 300), content(2, 9 * 1024), Bytes::from("tiny")] {
        let upstream = Upstream::of(bytes.clone());
        let (origin, read) = first.fetch(&upstream).await;
        assert_eq!((origin, &read[..]), (BlobOrigin::Filling, &bytes[..]));
        shared.holds(&upstream.digest()).await;
        let (origin, read) = second.fetch(&upstream).await;
        assert_eq!((origin, &read[..]), (BlobOrigin::Remote, &bytes[..]));
        assert_eq!(upstream.requests(), 1);
    }
    // What came from there is stored near, and recorded, like any other.
    assert_eq!(second.near.filled.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn content_is_shared_by_either_algorithm() {
    let shared = Shared::new();
    let (first, second) = (shared.replica(), shared.replica());
    let upstream = Upstream::of(content(3, 100));
    let digest = Digest::sha512(&upstream.content);
    for replica in [&first, &second] {
        let size = upstream.content.len() as u64;
        let blob = replica.near.fetch_as(&digest, size, &upstream, at(0)).await;
        assert_eq!(read_whole(blob.unwrap()).await, upstream.content);
        shared.holds(&digest).await;
    }
    assert_eq!(upstream.requests(), 1);
}

#[tokio::test]
async fn wrong_bytes_there_are_removed_and_come_from_upstream_unseen() {
    let shared = Shared::new();
    let upstream = Upstream::of(content(4, 300));
    let first = shared.replica();
    first.fetch(&upstream).await;
    shared.holds(&upstream.digest()).await;
    spoil(&shared.blob(&upstream.digest()));
    let replica = shared.replica();
    let (origin, read) = replica.fetch(&upstream).await;
    assert_eq!(
        (origin, read),
        (BlobOrigin::Filling, upstream.content.to_vec())
    );
    assert_eq!(upstream.requests(), 2);
    assert_eq!(
        replica.requests(RemoteOperation::Open, RemoteResult::Wrong),
        1
    );
    // The right bytes take their place.
    eventually(|| {
        let lies = std::fs::read(shared.blob(&upstream.digest()));
        lies.is_ok_and(|bytes| bytes == upstream.content)
    })
    .await;
}

#[tokio::test]
async fn readers_of_a_large_wrong_object_never_get_its_end_and_the_next_ask_the_upstream() {
    let shared = Shared::new();
    let upstream = Upstream::of(content(5, 5 * 1024));
    let first = shared.replica();
    first.fetch(&upstream).await;
    shared.holds(&upstream.digest()).await;
    spoil(&shared.blob(&upstream.digest()));
    let replica = shared.replica();
    let blob = replica.near.fetch(&upstream).await.unwrap();
    let ended = blob.done().await;
    assert!(
        matches!(ended, Err(FetchError::WrongRemote(_))),
        "{ended:?}"
    );
    let (bytes, ended) = super::kit::read(blob.whole()).await;
    assert!(ended.is_err());
    assert!(bytes.len() < upstream.content.len());
    let (_, read) = replica.fetch(&upstream).await;
    assert_eq!(read, upstream.content);
}

#[tokio::test]
async fn a_truncated_object_is_passed_over_and_written_again() {
    let shared = Shared::new();
    let upstream = Upstream::of(content(6, 300));
    let first = shared.replica();
    first.fetch(&upstream).await;
    let object = shared.blob(&upstream.digest());
    shared.holds(&upstream.digest()).await;
    std::fs::write(&object, &upstream.content[..1000]).unwrap();
    let replica = shared.replica();
    let (_, read) = replica.fetch(&upstream).await;
    assert_eq!(read, upstream.content);
    assert_eq!(upstream.requests(), 2);
    eventually(|| std::fs::read(&object).is_ok_and(|it| it == upstream.content)).await;
}

/// A manifest of somebody's may say any size of a digest.
#[tokio::test]
async fn a_size_that_is_declared_wrongly_removes_nothing() {
    let shared = Shared::new();
    let upstream = Upstream::of(content(7, 300));
    let first = shared.replica();
    first.fetch(&upstream).await;
    shared.holds(&upstream.digest()).await;
    let replica = shared.replica();
    let lie = upstream.content.len() as u64 - 1;
    let digest = upstream.digest();
    let fetched = replica.near.fetch_as(&digest, lie, &upstream, at(0)).await;
    if let Ok(blob) = fetched {
        assert!(blob.done().await.is_err());
    }
    assert!(shared.blob(&upstream.digest()).exists());
    let (origin, read) = replica.fetch(&upstream).await;
    assert_eq!(
        (origin, read),
        (BlobOrigin::Remote, upstream.content.to_vec())
    );
}

#[tokio::test]
async fn a_slow_store_costs_its_bound_and_then_the_upstream_serves() {
    let throttled = ThrottledStore::new(
        InMemory::new(),
        ThrottleConfig {
            wait_get_per_call: Duration::from_secs(3600),
            ..ThrottleConfig::default()
        },
    );
    let store = BlobStore::over(Arc::new(throttled));
    let replica = Replica::over(store, Duration::from_millis(20));
    for seed in 10..16 {
        let upstream = Upstream::of(content(seed, 100));
        let (origin, read) = replica.fetch(&upstream).await;
        assert_eq!(
            (origin, &read[..]),
            (BlobOrigin::Filling, &upstream.content[..])
        );
    }
    // After three it is left alone.
    assert_eq!(
        replica.requests(RemoteOperation::Open, RemoteResult::Slow),
        3
    );
    assert_eq!(
        replica.requests(RemoteOperation::Open, RemoteResult::Resting),
        3
    );
    let problem = replica.tier.condition(at(0)).problem();
    assert!(problem.unwrap().starts_with("is not read: "));
}

#[tokio::test]
async fn a_store_that_is_down_costs_nothing_but_what_was_not_shared() {
    let mut options = options(Url::parse("s3://bucket/prefix").unwrap());
    options.endpoint = Some(Url::parse("http://127.0.0.1:1").unwrap());
    options.credentials = Some("aws_access_key_id=a\naws_secret_access_key=b".into());
    let replica = Replica::over(BlobStore::connect(&options).unwrap(), WAIT);
    let upstream = Upstream::of(content(20, 100));
    assert_eq!(replica.fetch(&upstream).await.1, upstream.content);
    eventually(|| {
        let condition = replica.tier.condition(at(0));
        condition.problem().is_some() && condition.waiting == 1
    })
    .await;
    let shown = replica.tier.condition(at(1)).problem().unwrap();
    assert!(shown.contains("is not written"), "{shown}");
}

#[tokio::test]
async fn a_manifest_is_shared_and_served_as_what_judgement_read() {
    let shared = Shared::new();
    let (first, second) = (shared.replica(), shared.replica());
    let body = Bytes::from_static(b"{\"schemaVersion\": 2}");
    let digest = Digest::sha256(&body);
    let used = admitted("production", at(0));
    let stored =
        first
            .near
            .cache
            .store_manifest(&digest, MediaType::OCI_INDEX, body.clone(), used.clone());
    stored.await.unwrap();
    let object = shared.object("manifests", &digest);
    eventually(|| object.exists()).await;
    // Its first line is nobody's word.
    std::fs::write(&object, [b"text/html\n", &body[..]].concat()).unwrap();
    let cache = &second.near.cache;
    let nobody_judged = cache.load_remote_manifest(&digest, None, used.clone());
    assert_eq!(nobody_judged.await, None);
    let judged = Some(&MediaType::OCI_MANIFEST);
    let loaded = cache.load_remote_manifest(&digest, judged, used.clone());
    let loaded = loaded.await.unwrap();
    assert_eq!(
        (loaded.bytes(), loaded.media_type()),
        (&body, &MediaType::OCI_MANIFEST)
    );
    // It writes it again, as what it was judged.
    second.near.tasks.drain(Duration::from_secs(30)).await;
    // And wrong bytes are no manifest.
    std::fs::write(&object, b"application/json\n{}").unwrap();
    let third = shared.replica();
    let loaded = third.near.cache.load_remote_manifest(&digest, judged, used);
    assert_eq!(loaded.await, None);
    assert!(!object.exists());
}

#[tokio::test]
async fn a_damaged_local_file_becomes_nobody_elses() {
    let disk = tempfile::tempdir().unwrap();
    let alone = TestCache::open(config(disk.path()));
    let digest = alone.store(&content(30, 300), at(0)).await;
    spoil(&alone.file(&digest));
    alone.tasks.drain(Duration::from_secs(30)).await;
    drop(alone);
    let (shared, metrics) = (Shared::new(), Metrics::new());
    let near = TestCache::over(config(disk.path()), Some(tier(&shared, &metrics)));
    near.cache.touch_group(std::slice::from_ref(&digest), at(1));
    let labels = RemoteDropLabels {
        reason: RemoteDrop::Damaged,
    };
    let dropped = metrics.remote.dropped.get_or_create_owned(&labels);
    eventually(|| dropped.get() == 1).await;
    assert!(!shared.blob(&digest).exists());
}

/// As when a remote tier is added to a gateway that has been running.
#[tokio::test]
async fn what_lay_near_before_is_shared_when_it_is_pulled() {
    let disk = tempfile::tempdir().unwrap();
    let alone = TestCache::open(config(disk.path()));
    let digest = alone.store(&content(40, 100), at(0)).await;
    alone.tasks.drain(Duration::from_secs(30)).await;
    drop(alone);
    let shared = Shared::new();
    let tier = tier(&shared, &Metrics::new());
    let near = TestCache::over(config(disk.path()), Some(tier));
    assert!(!shared.blob(&digest).exists());
    near.cache.touch_group(std::slice::from_ref(&digest), at(1));
    shared.holds(&digest).await;
    eventually(|| shared.object("pulled", &digest).exists()).await;
}

#[tokio::test]
async fn a_disk_without_room_streams_from_the_remote_tier() {
    let shared = Shared::new();
    let upstream = Upstream::of(content(50, 300));
    let first = shared.replica();
    first.fetch(&upstream).await;
    shared.holds(&upstream.digest()).await;
    let disk = tempfile::tempdir().unwrap();
    let mut small = config(disk.path());
    small.max_size = KIB;
    let near = TestCache::over(small, Some(tier(&shared, &Metrics::new())));
    let blob = near.fetch(&upstream).await.unwrap();
    assert_eq!(blob.origin(), BlobOrigin::Uncached);
    assert_eq!(read_whole(blob).await, upstream.content);
    assert_eq!(upstream.requests(), 1);
}
