//! A cache in a folder of its own, and an upstream that does as it is told.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::stream::{self, Stream, TryStreamExt};
use jiff::Timestamp;
use tokio::sync::watch;

use crate::cache::{
    Blob, BlobRequest, BlobSpan, Cache, CacheOptions, ContentUse, DigestRecords, FetchError,
    LacksOther, OnVerified, RemoteTier, VerifiedContent,
};
use crate::oci::{Digest, Repository};
use crate::stream::Chunks;
use crate::tasks::Tasks;
use crate::trust::EnvironmentName;

pub const KIB: u64 = 1024;
pub const PLENTY: u64 = 1 << 30;

/// `minutes` after the epoch.
pub fn at(minutes: i64) -> Timestamp {
    Timestamp::from_second(minutes * 60).unwrap()
}

/// Bytes that differ from each other and from those of other seeds.
pub fn content(seed: u64, kib: u64) -> Bytes {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    (0..kib * KIB / 8).flat_map(|_| next()).collect()
}

/// What one repository asks for at the epoch, admitted in production.
pub fn wanted(digest: &Digest, size: u64) -> BlobRequest {
    BlobRequest {
        source: Repository::parse("registry.corp/team/app").unwrap(),
        digest: digest.clone(),
        size,
        used: admitted("production", at(0)),
    }
}

pub fn admitted(environment: &str, now: Timestamp) -> ContentUse {
    ContentUse::of(EnvironmentName::parse(environment).unwrap(), false, now)
}

/// What only the mode let pass.
pub fn passed(environment: &str, now: Timestamp) -> ContentUse {
    ContentUse::of(EnvironmentName::parse(environment).unwrap(), true, now)
}

pub struct TestCache {
    pub cache: Cache,
    pub tasks: Tasks,
    pub filled: Arc<Mutex<Vec<VerifiedContent>>>,
    /// Whether something is said of SHA-512.
    pub spoken_of: Arc<AtomicBool>,
    pub folder: PathBuf,
    _temporary: Option<tempfile::TempDir>,
}

pub fn config(path: &Path) -> CacheOptions {
    CacheOptions {
        path: path.to_owned(),
        max_size: PLENTY,
        min_free: 0,
        memory: 64 * KIB,
    }
}

pub fn recorder(filled: &Arc<Mutex<Vec<VerifiedContent>>>) -> OnVerified {
    let filled = filled.clone();
    Arc::new(move |one, _| {
        filled.lock().unwrap().push(one);
        async { Ok(()) }.boxed()
    })
}

/// What was recorded under both algorithms lacks nothing.
fn lacks_other(
    spoken_of: &Arc<AtomicBool>,
    filled: &Arc<Mutex<Vec<VerifiedContent>>>,
) -> LacksOther {
    let (spoken_of, filled) = (spoken_of.clone(), filled.clone());
    Arc::new(move |digest| {
        let filled = filled.lock().unwrap();
        let knows = |it: &VerifiedContent| it.sha256 == *digest && it.sha512.is_some();
        spoken_of.load(Ordering::SeqCst) && !filled.iter().any(knows)
    })
}

/// Nothing is said of SHA-512.
pub fn records(on_verified: OnVerified) -> DigestRecords {
    DigestRecords {
        on_verified,
        lacks_other: Arc::new(|_| false),
    }
}

/// A thread at work, or a process that another test just forked, may hold the lock a little
/// longer.
async fn until_unlocked(folder: &Path) {
    const LOOKS: usize = 2000;
    let lock = File::open(folder.join("lock")).unwrap();
    for _ in 0..LOOKS {
        if lock.try_lock().is_ok() {
            return lock.unlock().unwrap();
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

impl TestCache {
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    pub fn with(change: impl FnOnce(&mut CacheOptions)) -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let mut config = config(temporary.path());
        change(&mut config);
        Self {
            _temporary: Some(temporary),
            ..Self::open(config)
        }
    }

    pub fn open(config: CacheOptions) -> Self {
        Self::over(config, None)
    }

    /// With this tier behind the disk.
    pub fn over(config: CacheOptions, remote: Option<Arc<RemoteTier>>) -> Self {
        let spoken_of = Arc::default();
        let (tasks, filled) = (Tasks::new(), Arc::default());
        let folder = config.path.clone();
        let records = DigestRecords {
            on_verified: recorder(&filled),
            lacks_other: lacks_other(&spoken_of, &filled),
        };
        Self {
            cache: Cache::open(config, remote, tasks.clone(), records).unwrap(),
            spoken_of,
            tasks,
            filled,
            folder,
            _temporary: None,
        }
    }

    /// Closes the cache, and keeps its folder.
    pub fn into_folder(self) -> Option<tempfile::TempDir> {
        self._temporary
    }

    /// Closes the cache and opens it again.
    pub async fn restart(self) -> Self {
        let (config, temporary) = (config(&self.folder), self._temporary);
        self.tasks.drain(Duration::ZERO).await;
        drop(self.cache);
        until_unlocked(&self.folder).await;
        Self {
            _temporary: temporary,
            ..Self::open(config)
        }
    }

    pub async fn fetch(&self, upstream: &Upstream) -> Result<Blob, FetchError> {
        self.fetch_at(upstream, at(0)).await
    }

    /// Fetches all of it.
    pub async fn fill(&self, upstream: &Upstream) {
        let blob = self.fetch(upstream).await.unwrap();
        blob.done().await.unwrap();
    }

    pub async fn fetch_at(&self, upstream: &Upstream, now: Timestamp) -> Result<Blob, FetchError> {
        let size = upstream.content.len() as u64;
        self.fetch_as(&upstream.digest(), size, upstream, now).await
    }

    pub async fn fetch_as(
        &self,
        digest: &Digest,
        size: u64,
        upstream: &Upstream,
        now: Timestamp,
    ) -> Result<Blob, FetchError> {
        let used = admitted("production", now);
        self.fetch_for(digest, size, upstream, used).await
    }

    pub async fn fetch_for(
        &self,
        digest: &Digest,
        size: u64,
        upstream: &Upstream,
        used: ContentUse,
    ) -> Result<Blob, FetchError> {
        let request = BlobRequest {
            source: upstream.source.clone(),
            used,
            ..wanted(digest, size)
        };
        upstream.fetched(&self.cache, &request).await
    }

    /// Fetches and waits until it is stored.
    pub async fn store(&self, content: &Bytes, now: Timestamp) -> Digest {
        let upstream = Upstream::of(content.clone());
        let blob = self.fetch_at(&upstream, now).await.unwrap();
        blob.done().await.unwrap();
        upstream.digest()
    }

    /// A stored blob, pulled for production.
    pub async fn get(&self, digest: &Digest, now: Timestamp) -> Option<Blob> {
        let size = self.cache.inner.blobs.size(digest).unwrap_or(0);
        let request = BlobRequest {
            used: admitted("production", now),
            ..wanted(digest, size)
        };
        self.cache.get(&request).await.unwrap()
    }

    pub fn has(&self, digest: &Digest) -> bool {
        self.file(digest).exists()
    }

    pub fn file(&self, digest: &Digest) -> PathBuf {
        self.cache.inner.blobs.file_path(digest)
    }

    /// Every file under a folder of the cache.
    pub fn files(&self, under: &str) -> Vec<PathBuf> {
        files(&self.folder.join(under))
    }

    /// The bytes of all blobs, none of which is damaged.
    pub fn sound_blobs(&self) -> Vec<u64> {
        let blobs = self.files("blobs");
        let size = |path: &PathBuf| {
            let content = std::fs::read(path).unwrap();
            let digest = Digest::sha256(&content);
            assert_eq!(digest.hex(), path.file_name().unwrap().to_str().unwrap());
            content.len() as u64
        };
        blobs.iter().map(size).collect()
    }

    /// Waits until no half-made file is left: those of a fill that broke off are removed
    /// after who waited for it was told.
    pub async fn tidied(&self) {
        for _ in 0..10_000 {
            if self.files("tmp").is_empty() {
                return;
            }
            tokio::task::yield_now().await;
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        panic!("left over: {:?}", self.files("tmp"));
    }
}

pub fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .flat_map(|path| match path.is_dir() {
            true => files(&path),
            false => vec![path],
        })
        .collect()
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum UpstreamFailure {
    #[error("connection lost")]
    Connection,
    #[error("not found")]
    NotFound,
}

/// An upstream that counts and can be held back.
#[derive(Clone)]
pub struct Upstream {
    pub source: Repository,
    pub content: Bytes,
    /// The offsets that were asked for, in order.
    pub asked: Arc<Mutex<Vec<u64>>>,
    /// Where a stream breaks off, each once; with an error or silently.
    pub breaks: Arc<Mutex<Vec<(u64, bool)>>>,
    /// Each stream breaks off after so many bytes.
    pub breaks_after: Option<u64>,
    pub refuses: bool,
    /// It answers no range alone.
    pub sends_no_parts: Arc<AtomicBool>,
    /// Only what is asked for from the beginning on waits for release.
    pub holds_first_only: bool,
    /// What it sends for a range alone is wrong.
    pub wrong_apart: bool,
    pub released: Arc<watch::Sender<u64>>,
}

impl Upstream {
    pub fn of(content: Bytes) -> Self {
        Self {
            source: Repository::parse("registry.corp/team/app").unwrap(),
            content,
            asked: Arc::default(),
            breaks: Arc::default(),
            breaks_after: None,
            refuses: false,
            sends_no_parts: Arc::default(),
            holds_first_only: false,
            wrong_apart: false,
            released: Arc::new(watch::Sender::new(u64::MAX)),
        }
    }

    /// The same content, at another repository.
    pub fn at(self, repository: &str) -> Self {
        let source = Repository::parse(repository).unwrap();
        Self { source, ..self }
    }

    /// One that sends nothing until released.
    pub fn held(content: Bytes) -> Self {
        let upstream = Self::of(content);
        upstream.release(0);
        upstream
    }

    /// Lets bytes through up to an offset.
    pub fn release(&self, to: u64) {
        self.released.send_replace(to);
    }

    pub fn digest(&self) -> Digest {
        Digest::sha256(&self.content)
    }

    pub fn requests(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    /// Waits until a number of streams were opened and wait for release.
    pub async fn watched_by(&self, readers: usize) {
        while self.released.receiver_count() < readers {
            tokio::task::yield_now().await;
        }
    }

    /// What a cache has of it for this request.
    pub async fn fetched(&self, cache: &Cache, request: &BlobRequest) -> Result<Blob, FetchError> {
        let upstream = self.clone();
        let open = move |span| std::future::ready(upstream.open(span));
        cache.fetch(request, open).await
    }

    fn open(
        &self,
        span: BlobSpan,
    ) -> Result<impl Stream<Item = Result<Bytes, UpstreamFailure>> + Send + use<>, UpstreamFailure>
    {
        let sends_no_parts = self.sends_no_parts.load(Ordering::Relaxed);
        let (offset, end, is_apart) = match span {
            BlobSpan::From(offset) => (offset, u64::MAX, false),
            BlobSpan::Only(part) => (part.start, part.end, true),
            BlobSpan::Within(part) => match sends_no_parts {
                true => (part.start, u64::MAX, false),
                false => (part.start, part.end, true),
            },
        };
        let end = match self.breaks_after {
            Some(length) => end.min(offset + length),
            None => end,
        };
        self.asked.lock().unwrap().push(offset);
        if self.refuses || (is_apart && sends_no_parts) {
            return Err(UpstreamFailure::NotFound);
        }
        let waits = offset == 0 || !self.holds_first_only;
        let is_wrong = is_apart && self.wrong_apart;
        let state = (self.clone(), offset, self.released.subscribe());
        Ok(stream::try_unfold(
            state,
            move |(this, at, mut released)| async move {
                let to = match waits && at < end {
                    true => *released.wait_for(|to| *to > at).await.unwrap(),
                    false => u64::MAX,
                };
                let next = this.piece(at, to.min(end))?;
                Ok(next.map(|piece| {
                    let next = at + piece.len() as u64;
                    let sent = match is_wrong {
                        true => piece.iter().map(|byte| !byte).collect(),
                        false => piece,
                    };
                    (sent, (this, next, released))
                }))
            },
        ))
    }

    fn piece(&self, at: u64, released: u64) -> Result<Option<Bytes>, UpstreamFailure> {
        let mut breaks = self.breaks.lock().unwrap();
        let to = (at + 16 * KIB).min(released).min(self.content.len() as u64);
        let due = breaks.iter().position(|(offset, _)| *offset <= at);
        match due.map(|index| breaks.remove(index)) {
            Some((_, true)) => Err(UpstreamFailure::Connection),
            Some((_, false)) => Ok(None),
            None => Ok((to > at).then(|| self.content.slice(at as usize..to as usize))),
        }
    }
}

/// All that comes, and how it ended.
pub async fn read(chunks: Chunks) -> (Vec<u8>, std::io::Result<()>) {
    let mut bytes = Vec::new();
    let ended = chunks
        .try_for_each(|chunk| {
            bytes.extend_from_slice(&chunk);
            std::future::ready(Ok(()))
        })
        .await;
    (bytes, ended)
}

pub async fn read_whole(blob: Blob) -> Vec<u8> {
    let (bytes, ended) = read(blob.whole()).await;
    ended.unwrap();
    bytes
}
