//! SHA-512 is computed where something is said of it, and before a byte goes that what is
//! said forbids.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::FutureExt;
use futures_util::stream::StreamExt;

use super::kit::{KIB, TestCache, Upstream, UpstreamFailure, at, config, content, read, wanted};
use crate::cache::{Cache, DigestRecords, FetchError};
use crate::oci::Digest;
use crate::tasks::Tasks;

impl TestCache {
    fn speak(&self) {
        self.spoken_of.store(true, Ordering::SeqCst);
    }

    /// The SHA-512 digests that were recorded.
    fn recorded(&self) -> Vec<Digest> {
        let filled = self.filled.lock().unwrap();
        filled.iter().filter_map(|it| it.sha512.clone()).collect()
    }
}

#[tokio::test]
async fn leaves_sha512_out_while_nothing_is_said_of_it() {
    let fixture = TestCache::new();
    let digest = fixture.store(&content(1, 300), at(0)).await;
    assert!(fixture.get(&digest, at(1)).await.is_some());
    assert_eq!(fixture.filled.lock().unwrap().len(), 1);
    assert!(fixture.recorded().is_empty());
}

#[tokio::test]
async fn hashes_what_is_stored_before_it_is_read_again_and_once() {
    let fixture = TestCache::new();
    let whole = content(2, 300);
    let digest = fixture.store(&whole, at(0)).await;
    let fixture = fixture.restart().await;
    fixture.speak();
    for _ in 0..3 {
        assert!(fixture.get(&digest, at(1)).await.is_some());
    }
    assert_eq!(fixture.recorded(), [Digest::sha512(&whole)]);
}

#[tokio::test]
async fn hashes_the_rest_in_the_background() {
    let fixture = TestCache::new();
    let (one, other) = (content(3, 100), content(4, 200));
    for whole in [&one, &other] {
        fixture.store(whole, at(0)).await;
    }
    assert_eq!(fixture.cache.learn_other_digests_once(at(1)).await, 0);
    fixture.speak();
    assert_eq!(fixture.cache.learn_other_digests_once(at(1)).await, 2);
    let recorded = fixture.recorded();
    assert!(
        [one, other]
            .iter()
            .all(|it| recorded.contains(&Digest::sha512(it)))
    );
    assert_eq!(fixture.cache.learn_other_digests_once(at(2)).await, 0);
}

/// What began before the first word was hashed by SHA-256 alone.
#[tokio::test]
async fn what_was_on_its_way_is_hashed_before_its_end_is_sent() {
    let (fixture, upstream) = (TestCache::new(), Upstream::held(content(5, 400)));
    upstream.release(200 * KIB);
    let blob = fixture.fetch(&upstream).await.unwrap();
    fixture.speak();
    upstream.release(u64::MAX);
    let (bytes, ended) = read(blob.whole()).await;
    assert!(ended.is_ok() && bytes == upstream.content);
    assert_eq!(fixture.recorded(), [Digest::sha512(&upstream.content)]);
    assert_eq!(upstream.requests(), 1);
}

/// A passing content cannot be hashed again: it breaks off, and the next one is.
#[tokio::test]
async fn what_passes_uncached_breaks_off_where_something_is_said_meanwhile() {
    let fixture = TestCache::with(|config| config.max_size = 0);
    let upstream = Upstream::held(content(6, 400));
    upstream.release(200 * KIB);
    let blob = fixture.fetch(&upstream).await.unwrap();
    let mut chunks = blob.whole();
    assert!(chunks.next().await.unwrap().is_ok());
    fixture.speak();
    upstream.release(u64::MAX);
    let (rest, ended) = read(chunks).await;
    assert!(ended.is_err() && (rest.len() as u64) < 400 * KIB);
    assert!(fixture.recorded().is_empty());
    let blob = fixture.fetch(&upstream).await.unwrap();
    assert!(read(blob.whole()).await.1.is_ok());
    assert_eq!(fixture.recorded(), [Digest::sha512(&upstream.content)]);
}

#[tokio::test]
async fn a_refusal_of_what_is_stored_is_served_by_no_other_path() {
    let folder = tempfile::tempdir().unwrap();
    let fixture = TestCache::open(config(folder.path()));
    let whole = content(7, 300);
    let digest = fixture.store(&whole, at(0)).await;
    fixture.tasks.drain(std::time::Duration::ZERO).await;
    drop(fixture);
    let records = DigestRecords {
        on_verified: Arc::new(|_, _| {
            async { Err(Arc::new(UpstreamFailure::NotFound) as _) }.boxed()
        }),
        lacks_other: Arc::new(|_| true),
    };
    let cache = Cache::open(config(folder.path()), None, Tasks::new(), records).unwrap();
    let request = wanted(&digest, 300 * KIB);
    let got = cache.get(&request).await;
    assert!(matches!(got, Err(FetchError::Unrecorded(_))));
    let open = |_| async { Err::<futures_util::stream::Empty<_>, _>(UpstreamFailure::NotFound) };
    let fetched = cache.fetch(&request, open).await;
    assert!(matches!(fetched, Err(FetchError::Unrecorded(_))));
}

#[tokio::test]
async fn what_is_not_what_its_name_says_is_removed_and_fetched_again() {
    let (fixture, upstream) = (TestCache::new(), Upstream::of(content(8, 300)));
    let digest = fixture.store(&upstream.content, at(0)).await;
    let fixture = fixture.restart().await;
    std::fs::write(fixture.file(&digest), vec![7; 300 * KIB as usize]).unwrap();
    fixture.speak();
    assert!(fixture.get(&digest, at(1)).await.is_none());
    let blob = fixture.fetch(&upstream).await.unwrap();
    let (bytes, ended) = read(blob.whole()).await;
    assert!(ended.is_ok() && bytes == upstream.content);
    assert_eq!(upstream.requests(), 1);
}

/// Between the verification of a fill and its file's place in the cache.
#[tokio::test]
async fn what_is_said_just_after_a_fill_was_verified_holds_for_who_asks_then() {
    for number in 0..20 {
        let folder = tempfile::tempdir().unwrap();
        let spoken_of = Arc::new(AtomicBool::new(false));
        let looked_at = Arc::new(AtomicBool::new(false));
        let (says, looks) = (spoken_of.clone(), looked_at.clone());
        let (lacks, known) = (spoken_of.clone(), looked_at.clone());
        let records = DigestRecords {
            on_verified: Arc::new(move |content, _| {
                says.store(true, Ordering::SeqCst);
                looks.store(content.sha512.is_some(), Ordering::SeqCst);
                async { Ok(()) }.boxed()
            }),
            lacks_other: Arc::new(move |_| {
                lacks.load(Ordering::SeqCst) && !known.load(Ordering::SeqCst)
            }),
        };
        let cache = Cache::open(config(folder.path()), None, Tasks::new(), records).unwrap();
        let upstream = Upstream::of(content(number, 300));
        let request = wanted(&upstream.digest(), 300 * KIB);
        let first = upstream.fetched(&cache, &request).await.unwrap();
        let (_, ended) = read(first.whole()).await;
        assert!(ended.is_ok());
        let second = upstream.fetched(&cache, &request).await.unwrap();
        assert!(looked_at.load(Ordering::SeqCst));
        let (bytes, ended) = read(second.whole()).await;
        assert!(ended.is_ok() && bytes == upstream.content);
    }
}
