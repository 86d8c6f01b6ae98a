use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{FutureExt, join_all};
use futures_util::stream::{StreamExt, TryStreamExt};
use tokio::sync::Semaphore;

use super::kit::{
    KIB, TestCache, Upstream, UpstreamFailure, at, config, content, read, read_whole, records,
    wanted,
};
use crate::cache::{BlobOrigin, Cache, FetchError, OnVerified, VerifiedContent};
use crate::oci::{Algorithm, Digest};
use crate::stream::WITHHELD_TAIL_BYTES;
use crate::tasks::Tasks;

/// A cache whose recorder waits for a permit.
fn held_before_visible(folder: &std::path::Path) -> (Cache, Arc<Semaphore>) {
    let permits = Arc::new(Semaphore::new(0));
    let recorder: OnVerified = {
        let permits = permits.clone();
        Arc::new(move |_, _| {
            let permits = permits.clone();
            async move {
                permits.acquire().await.unwrap().forget();
                Ok(())
            }
            .boxed()
        })
    };
    let cache = Cache::open(config(folder), None, Tasks::new(), records(recorder)).unwrap();
    (cache, permits)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn herd_of_100_cold_reads_is_one_upstream_request() {
    let (fixture, upstream) = (TestCache::new(), Upstream::held(content(1, 700)));
    let herd = (0..100).map(|_| async {
        let blob = fixture.fetch(&upstream).await.unwrap();
        assert_eq!(read_whole(blob).await, upstream.content);
    });
    let released = async {
        while fixture.cache.stats().fill_waiters < 100 {
            tokio::task::yield_now().await;
        }
        upstream.release(u64::MAX);
    };
    tokio::join!(join_all(herd), released);
    assert_eq!(upstream.requests(), 1);
    assert_eq!(fixture.cache.stats().fills, 1);
    assert_eq!(fixture.cache.stats().fill_waiters, 0);
}

#[tokio::test]
async fn serves_what_it_filled_without_asking_again() {
    let (fixture, upstream) = (TestCache::new(), Upstream::of(content(1, 300)));
    let first = fixture.fetch(&upstream).await.unwrap();
    assert_eq!(first.origin(), BlobOrigin::Filling);
    first.done().await.unwrap();
    let again = fixture.get(&upstream.digest(), at(0)).await.unwrap();
    assert_eq!(
        (again.origin(), again.len()),
        (BlobOrigin::Stored, 300 * KIB),
    );
    assert_eq!(read_whole(again).await, upstream.content);
    let fetched = fixture.fetch(&upstream).await.unwrap();
    assert_eq!(fetched.origin(), BlobOrigin::Stored);
    assert_eq!(upstream.requests(), 1);
}

#[tokio::test]
async fn fill_outlives_its_first_client() {
    let (fixture, upstream) = (TestCache::new(), Upstream::held(content(2, 400)));
    assert!(fixture.fetch(&upstream).now_or_never().is_none());
    upstream.release(200 * KIB);
    let mut chunks = fixture.fetch(&upstream).await.unwrap().whole();
    chunks.try_next().await.unwrap().unwrap();
    drop(chunks);
    upstream.release(u64::MAX);
    let later = fixture.fetch(&upstream).await.unwrap();
    later.done().await.unwrap();
    assert_eq!(read_whole(later).await, upstream.content);
    assert_eq!(upstream.requests(), 1);
}

#[tokio::test]
async fn follower_timeout_takes_no_other_path() {
    let (fixture, upstream) = (TestCache::new(), Upstream::held(content(3, 400)));
    for _ in 0..3 {
        let waited =
            tokio::time::timeout(Duration::from_millis(20), fixture.fetch(&upstream)).await;
        assert!(waited.is_err());
    }
    upstream.watched_by(1).await;
    assert_eq!(upstream.requests(), 1);
    upstream.release(u64::MAX);
    let blob = fixture.fetch(&upstream).await.unwrap();
    assert_eq!(read_whole(blob).await, upstream.content);
    assert_eq!(upstream.requests(), 1);
}

#[tokio::test]
async fn corrupt_body_never_becomes_visible() {
    let fixture = TestCache::new();
    let digest = Digest::sha256(b"what was asked for");
    for kib in [4, 400] {
        let upstream = Upstream::of(content(4, kib));
        let fetched = fixture.fetch_as(&digest, kib * KIB, &upstream, at(0)).await;
        match fetched {
            Ok(blob) => {
                let (bytes, ended) = read(blob.whole()).await;
                assert!(ended.is_err() && bytes.len() as u64 <= kib * KIB - WITHHELD_TAIL_BYTES);
            }
            Err(error) => assert!(matches!(error, FetchError::WrongDigest { .. }), "{error}"),
        }
        assert!(fixture.get(&digest, at(0)).await.is_none());
        assert!(fixture.files("blobs").is_empty() && fixture.filled.lock().unwrap().is_empty());
    }
}

#[tokio::test]
async fn short_corrupt_body_is_an_error_before_any_byte() {
    let (fixture, upstream) = (TestCache::new(), Upstream::of(content(4, 8)));
    let digest = Digest::sha256(b"another");
    let fetched = fixture.fetch_as(&digest, 8 * KIB, &upstream, at(0)).await;
    assert!(matches!(fetched, Err(FetchError::WrongDigest { .. })));
}

#[tokio::test]
async fn last_chunk_is_withheld_until_verified() {
    let folder = tempfile::tempdir().unwrap();
    let (cache, permits) = held_before_visible(folder.path());
    let whole = content(5, 300);
    let digest = Digest::sha256(&whole);
    let pieces = whole.clone();
    let open = move |_| std::future::ready(Ok::<_, UpstreamFailure>(once(pieces.clone())));
    let blob = cache
        .fetch(&wanted(&digest, 300 * KIB), open)
        .await
        .unwrap();
    let mut chunks = blob.whole();
    let mut received = Vec::new();
    while (received.len() as u64) < 300 * KIB - WITHHELD_TAIL_BYTES {
        received.extend_from_slice(&chunks.try_next().await.unwrap().unwrap());
    }
    assert_eq!(received.len() as u64, 300 * KIB - WITHHELD_TAIL_BYTES);
    assert!(chunks.next().now_or_never().is_none());
    assert!(cache.get(&wanted(&digest, 0)).await.unwrap().is_none());
    permits.add_permits(1);
    let (tail, ended) = read(chunks).await;
    ended.unwrap();
    received.extend(tail);
    assert_eq!(received, whole);
}

fn once(bytes: Bytes) -> impl futures_util::Stream<Item = Result<Bytes, UpstreamFailure>> + Send {
    futures_util::stream::iter([Ok(bytes)])
}

#[tokio::test]
async fn range_reads_while_filling() {
    let (fixture, upstream) = (TestCache::new(), Upstream::held(content(6, 600)));
    upstream.release(200 * KIB);
    let early = fixture.fetch(&upstream).await.unwrap();
    let (bytes, ended) = read(early.chunks(10..150 * KIB)).await;
    ended.unwrap();
    assert_eq!(bytes, upstream.content[10..150 * 1024]);

    let late = fixture.fetch(&upstream).await.unwrap();
    let chunks = late.chunks(500 * KIB..9000 * KIB);
    assert_eq!((chunks.len(), chunks.total()), (100 * KIB, 600 * KIB));
    let released = async { upstream.release(u64::MAX) };
    let ((bytes, ended), ()) = tokio::join!(read(chunks), released);
    ended.unwrap();
    assert_eq!(bytes, upstream.content[500 * 1024..]);
    assert_eq!(upstream.requests(), 1);
}

#[tokio::test]
async fn truncated_upstream_is_resumed() {
    let (fixture, upstream) = (TestCache::new(), Upstream::of(content(7, 500)));
    let breaks = [(64 * KIB, true), (128 * KIB, false), (128 * KIB, true)];
    upstream.breaks.lock().unwrap().extend(breaks);
    let blob = fixture.fetch(&upstream).await.unwrap();
    assert_eq!(read_whole(blob).await, upstream.content);
    let asked = upstream.asked.lock().unwrap().clone();
    assert_eq!(asked, [0, 64 * KIB, 128 * KIB, 128 * KIB]);
}

/// As proxies do that cut each answer after some bytes or seconds.
#[tokio::test]
async fn an_upstream_that_always_breaks_and_always_goes_on_is_read_to_its_end() {
    let (fixture, upstream) = (TestCache::new(), Upstream::of(content(7, 768)));
    let breaks = (1..12).map(|cut| (cut * 64 * KIB, cut % 2 == 0));
    upstream.breaks.lock().unwrap().extend(breaks);
    let blob = fixture.fetch(&upstream).await.unwrap();
    assert_eq!(read_whole(blob).await, upstream.content);
    assert_eq!(upstream.requests(), 12);
}

#[tokio::test]
async fn gives_up_on_an_upstream_that_sends_a_little_at_a_time() {
    let (fixture, mut upstream) = (TestCache::new(), Upstream::of(content(7, 512)));
    upstream.breaks_after = Some(KIB);
    let blob = fixture.fetch(&upstream).await.unwrap();
    let (_, ended) = read(blob.whole()).await;
    assert!(ended.is_err());
    assert_eq!(upstream.requests(), 9);
}

#[tokio::test]
async fn gives_up_on_an_upstream_that_breaks_for_ever() {
    let (fixture, upstream) = (TestCache::new(), Upstream::of(content(7, 32)));
    let always = std::iter::repeat_n((16 * KIB, true), 100);
    upstream.breaks.lock().unwrap().extend(always);
    let error = fixture.fetch(&upstream).await.err().unwrap();
    assert_eq!(
        error.upstream::<UpstreamFailure>(),
        Some(&UpstreamFailure::Connection)
    );
    assert_eq!(upstream.requests(), 9);
}

#[tokio::test]
async fn refuses_a_body_of_another_length() {
    let (fixture, upstream) = (TestCache::new(), Upstream::of(content(8, 48)));
    let digest = upstream.digest();
    let short = fixture.fetch_as(&digest, 50 * KIB, &upstream, at(0)).await;
    assert!(matches!(short, Err(FetchError::TooShort { .. })));
    for announced in [47 * KIB, 32 * KIB] {
        let upstream = Upstream::of(upstream.content.clone());
        let long = fixture.fetch_as(&digest, announced, &upstream, at(0)).await;
        assert!(matches!(long, Err(FetchError::TooLong { .. })));
        assert_eq!(upstream.requests(), 1);
    }
    fixture.tidied().await;
    assert!(fixture.files("blobs").is_empty());
}

#[tokio::test]
async fn a_wrong_length_does_not_harm_the_right_one() {
    let (fixture, upstream) = (TestCache::new(), Upstream::held(content(8, 48)));
    let digest = upstream.digest();
    let wrong = fixture.fetch_as(&digest, 40 * KIB, &upstream, at(0));
    let right = fixture.fetch(&upstream);
    let released = async {
        upstream.watched_by(1).await;
        upstream.release(u64::MAX);
    };
    let (wrong, right, ()) = tokio::join!(wrong, right, released);
    assert!(matches!(wrong, Err(FetchError::TooLong { .. })));
    assert_eq!(read_whole(right.unwrap()).await, upstream.content);
    let stored = fixture.fetch_as(&digest, 49 * KIB, &upstream, at(0)).await;
    assert!(matches!(stored, Err(FetchError::TooShort { .. })));
}

#[tokio::test]
async fn failure_is_shared_by_those_who_waited_and_then_forgotten() {
    let (fixture, mut upstream) = (TestCache::new(), Upstream::of(content(9, 4)));
    upstream.refuses = true;
    let (first, second) = tokio::join!(fixture.fetch(&upstream), fixture.fetch(&upstream));
    assert_eq!(upstream.requests(), 1);
    for failed in [first, second] {
        let error = failed.err().unwrap();
        assert_eq!(
            error.upstream::<UpstreamFailure>(),
            Some(&UpstreamFailure::NotFound)
        );
    }
    upstream.refuses = false;
    let blob = fixture.fetch(&upstream).await.unwrap();
    assert_eq!(read_whole(blob).await, upstream.content);
}

#[tokio::test]
async fn slow_client_never_stalls_the_fill() {
    let (fixture, upstream) = (TestCache::new(), Upstream::of(content(10, 4096)));
    let slow = fixture.fetch(&upstream).await.unwrap();
    fixture.fill(&upstream).await;
    assert!(fixture.has(&upstream.digest()));
    assert_eq!(read_whole(slow).await, upstream.content);
}

#[tokio::test]
async fn records_both_digests_of_what_it_filled_where_something_is_said_of_sha512() {
    let fixture = TestCache::new();
    fixture.spoken_of.store(true, Ordering::SeqCst);
    let whole = content(11, 100);
    fixture.store(&whole, at(0)).await;
    let expected = VerifiedContent {
        sha256: Digest::sha256(&whole),
        sha512: Some(Digest::sha512(&whole)),
        size: 100 * KIB,
        asked: Algorithm::Sha256,
    };
    assert_eq!(*fixture.filled.lock().unwrap(), [expected]);
}

#[tokio::test]
async fn unrecorded_content_stays_invisible() {
    let folder = tempfile::tempdir().unwrap();
    let refuses: OnVerified =
        Arc::new(|_, _| async { Err(Arc::new(UpstreamFailure::NotFound) as _) }.boxed());
    let cache = Cache::open(config(folder.path()), None, Tasks::new(), records(refuses)).unwrap();
    let whole = content(12, 10);
    let digest = Digest::sha256(&whole);
    let open = move |_| std::future::ready(Ok::<_, UpstreamFailure>(once(whole.clone())));
    let fetched = cache.fetch(&wanted(&digest, 10 * KIB), open).await;
    assert!(matches!(fetched, Err(FetchError::Unrecorded(_))));
    assert!(cache.get(&wanted(&digest, 0)).await.unwrap().is_none());
}

#[tokio::test]
async fn interrupted_fill_wakes_its_followers() {
    let (fixture, upstream) = (TestCache::new(), Upstream::held(content(13, 400)));
    upstream.release(100 * KIB);
    let blob = fixture.fetch(&upstream).await.unwrap();
    fixture.tasks.drain(Duration::ZERO).await;
    assert!(matches!(blob.done().await, Err(FetchError::Interrupted)));
    let (bytes, ended) = read(blob.whole()).await;
    assert!(ended.is_err() && bytes.len() as u64 <= 100 * KIB);
    fixture.tidied().await;
    let after = fixture.fetch(&upstream).await;
    assert!(matches!(after, Err(FetchError::Interrupted)));
}

#[tokio::test]
async fn stores_sha512_and_empty_blobs() {
    let fixture = TestCache::new();
    let upstream = Upstream::of(content(14, 100));
    let digest = Digest::sha512(&upstream.content);
    let blob = fixture.fetch_as(&digest, 100 * KIB, &upstream, at(0)).await;
    blob.unwrap().done().await.unwrap();
    assert!(fixture.has(&digest) && !fixture.has(&upstream.digest()));

    let empty = fixture.store(&Bytes::new(), at(0)).await;
    let blob = fixture.get(&empty, at(0)).await.unwrap();
    assert!(blob.is_empty() && read_whole(blob).await.is_empty());
    let wrong = Upstream::of(Bytes::new());
    let fetched = fixture.fetch_as(&digest_of("x"), 0, &wrong, at(0)).await;
    assert!(matches!(fetched, Err(FetchError::WrongDigest { .. })));
}

fn digest_of(text: &str) -> Digest {
    Digest::sha256(text.as_bytes())
}
