//! Ranges of a content that is not here yet: fetched apart where they would be waited for
//! too long, each byte once, and never the last of what is wrong.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use futures_util::future::join_all;

use super::kit::{KIB, TestCache, Upstream, at, content, read, read_whole};
use crate::cache::FetchError;
use crate::oci::Digest;
use crate::stream::WITHHELD_TAIL_BYTES;

const MIB: u64 = 1024 * KIB;

/// Its request from the beginning on is held at a MiB; ranges alone come at once.
fn slow(content: Bytes) -> Upstream {
    let upstream = Upstream {
        holds_first_only: true,
        ..Upstream::of(content)
    };
    upstream.release(MIB);
    upstream
}

async fn range(fixture: &TestCache, upstream: &Upstream, from: u64, to: u64) -> Vec<u8> {
    let blob = fixture.fetch(upstream).await.unwrap();
    let (bytes, ended) = read(blob.chunks(from..to)).await;
    ended.unwrap();
    bytes
}

fn slice(upstream: &Upstream, from: u64, to: u64) -> &[u8] {
    &upstream.content[from as usize..to as usize]
}

#[tokio::test]
async fn a_range_ahead_comes_before_what_lies_before_it() {
    let (fixture, upstream) = (TestCache::new(), slow(content(1, 8 * KIB)));
    let bytes = range(&fixture, &upstream, 5 * MIB, 5 * MIB + 10).await;
    assert_eq!(bytes, slice(&upstream, 5 * MIB, 5 * MIB + 10));
    assert_eq!(*upstream.asked.lock().unwrap(), [0, 5 * MIB]);
    // What lies behind it was asked for with it.
    range(&fixture, &upstream, 5 * MIB + 100 * KIB, 6 * MIB).await;
    assert_eq!(upstream.requests(), 2);
    upstream.release(u64::MAX);
    let blob = fixture.fetch(&upstream).await.unwrap();
    assert_eq!(read_whole(blob).await, upstream.content);
    let filled = fixture.fetch(&upstream).await.unwrap();
    filled.done().await.unwrap();
    assert!(fixture.has(&upstream.digest()));
    // The rest behind it was one more.
    assert_eq!(*upstream.asked.lock().unwrap(), [0, 5 * MIB, 6 * MIB]);
}

#[tokio::test]
async fn ranges_in_parallel_share_the_content_among_few_requests() {
    let (fixture, upstream) = (TestCache::new(), slow(content(2, 12 * KIB)));
    let ranges = (0..24).map(|n| {
        let (fixture, upstream) = (&fixture, &upstream);
        async move {
            let from = 2 * MIB + (n * 509 * KIB) % (9 * MIB);
            let bytes = range(fixture, upstream, from, from + 64 * KIB).await;
            assert!(bytes == slice(upstream, from, from + 64 * KIB), "{n}");
        }
    });
    join_all(ranges).await;
    assert!(
        upstream.requests() <= 16,
        "{:?}",
        upstream.asked.lock().unwrap()
    );
    upstream.release(u64::MAX);
    let blob = fixture.fetch(&upstream).await.unwrap();
    assert_eq!(read_whole(blob).await, upstream.content);
}

#[tokio::test]
async fn all_before_the_tail_is_had_in_ranges_and_the_tail_only_when_all_is_verified() {
    for is_right in [true, false] {
        let (fixture, upstream) = (TestCache::new(), slow(content(3, 6 * KIB)));
        let digest = match is_right {
            true => upstream.digest(),
            false => Digest::sha256(b"another"),
        };
        let size = 6 * MIB;
        let fetch = || fixture.fetch_as(&digest, size, &upstream, at(0));
        let ahead = fetch().await.unwrap();
        let tail = fetch().await.unwrap();
        let open = size - WITHHELD_TAIL_BYTES;
        let (bytes, ended) = read(ahead.chunks(4 * MIB..open)).await;
        assert!(ended.is_ok() && bytes == slice(&upstream, 4 * MIB, open));
        upstream.release(u64::MAX);
        let (bytes, ended) = read(tail.chunks(open..size)).await;
        assert_eq!(ended.is_ok(), is_right);
        assert_eq!(
            bytes.len() as u64,
            if is_right { WITHHELD_TAIL_BYTES } else { 0 }
        );
    }
}

/// Any server may ignore a range (RFC 9110, 14.2), and this one does from then on.
#[tokio::test]
async fn a_hole_is_filled_from_an_upstream_that_sends_no_parts_any_more() {
    let (fixture, upstream) = (TestCache::new(), slow(content(9, 8 * KIB)));
    for from in [3 * MIB, 5 * MIB] {
        range(&fixture, &upstream, from, from + 10).await;
    }
    upstream.sends_no_parts.store(true, Ordering::Relaxed);
    let blob = fixture.fetch(&upstream).await.unwrap();
    upstream.release(u64::MAX);
    assert_eq!(read_whole(blob).await, upstream.content);
    let asked = upstream.asked.lock().unwrap().clone();
    assert_eq!(asked, [0, 3 * MIB, 5 * MIB, 4 * MIB, 6 * MIB]);
    fixture.fill(&upstream).await;
    assert!(fixture.has(&upstream.digest()));
}

/// One who answers a range with other bytes than the whole cannot have them put together.
#[tokio::test]
async fn a_wrong_range_reaches_no_client_with_a_right_end() {
    let (fixture, right) = (TestCache::new(), content(4, 6 * KIB));
    let upstream = Upstream {
        wrong_apart: true,
        ..slow(right)
    };
    let ahead = fixture.fetch(&upstream).await.unwrap();
    let whole = fixture.fetch(&upstream).await.unwrap();
    let (bytes, _) = read(ahead.chunks(4 * MIB..5 * MIB)).await;
    assert_ne!(bytes, slice(&upstream, 4 * MIB, 5 * MIB));
    upstream.release(u64::MAX);
    let (bytes, ended) = read(whole.whole()).await;
    assert!(ended.is_err() && bytes.len() as u64 <= 6 * MIB - WITHHELD_TAIL_BYTES);
    assert!(!fixture.has(&upstream.digest()));
}

#[tokio::test]
async fn an_upstream_that_sends_no_parts_is_asked_for_one_only_once() {
    let (fixture, upstream) = (TestCache::new(), slow(content(5, 6 * KIB)));
    let upstream = Upstream {
        sends_no_parts: Arc::new(AtomicBool::new(true)),
        ..upstream
    };
    let blob = fixture.fetch(&upstream).await.unwrap();
    let reads = tokio::spawn(read(blob.chunks(5 * MIB..5 * MIB + 9)));
    while upstream.requests() < 2 {
        tokio::task::yield_now().await;
    }
    upstream.release(u64::MAX);
    let (bytes, ended) = reads.await.unwrap();
    assert!(ended.is_ok() && bytes == slice(&upstream, 5 * MIB, 5 * MIB + 9));
    assert_eq!(*upstream.asked.lock().unwrap(), [0, 5 * MIB]);
}

#[tokio::test]
async fn what_is_fetched_apart_and_wrong_fails_by_sha512_too() {
    let (fixture, upstream) = (TestCache::new(), slow(content(6, 6 * KIB)));
    let upstream = Upstream {
        wrong_apart: true,
        ..upstream
    };
    let digest = Digest::sha512(&upstream.content);
    let fetch = || fixture.fetch_as(&digest, 6 * MIB, &upstream, at(0));
    let (ahead, whole) = (fetch().await.unwrap(), fetch().await.unwrap());
    read(ahead.chunks(4 * MIB..5 * MIB)).await.1.unwrap();
    upstream.release(u64::MAX);
    assert!(matches!(
        whole.done().await,
        Err(FetchError::WrongDigest { .. })
    ));
    assert!(!fixture.has(&digest));
}
