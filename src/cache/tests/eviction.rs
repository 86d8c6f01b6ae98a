use bytes::Bytes;

use super::kit::{KIB, TestCache, Upstream, admitted, at, content, read_whole};
use super::remote::eventually;
use crate::cache::{BlobOrigin, Evicted};
use crate::oci::{Digest, MediaType};

/// A cache with room for ten blobs of 100 KiB.
fn fixture() -> TestCache {
    TestCache::with(|config| config.max_size = 1000 * KIB)
}

async fn fill(fixture: &TestCache, seeds: std::ops::Range<u64>) -> Vec<Digest> {
    let mut digests = Vec::new();
    for seed in seeds {
        let stored = fixture.store(&content(seed, 100), at(seed as i64)).await;
        digests.push(stored);
    }
    digests
}

fn left(fixture: &TestCache, digests: &[Digest]) -> Vec<usize> {
    let stored = digests.iter().enumerate();
    let stored = stored.filter(|(_, digest)| fixture.has(digest));
    stored.map(|(index, _)| index).collect()
}

#[tokio::test]
async fn evicts_least_recently_pulled_first() {
    let fixture = fixture();
    let digests = fill(&fixture, 0..10).await;
    assert!(fixture.get(&digests[0], at(50)).await.is_some());
    assert_eq!(fixture.cache.evict_once().await, Evicted::default());
    fixture.store(&content(10, 100), at(60)).await;
    assert_eq!(left(&fixture, &digests), [0, 3, 4, 5, 6, 7, 8, 9]);
    assert_eq!(fixture.cache.stats().bytes, 900 * KIB);
    assert_eq!(fixture.cache.stats().evicted_files, 2);
    fixture.tidied().await;
}

#[tokio::test]
async fn eviction_spares_what_is_being_read() {
    let fixture = fixture();
    let digests = fill(&fixture, 0..10).await;
    let reading = fixture.get(&digests[0], at(0)).await.unwrap();
    let chunks = fixture.get(&digests[1], at(0)).await.unwrap().whole();
    fixture.store(&content(10, 100), at(60)).await;
    assert_eq!(left(&fixture, &digests), [0, 1, 4, 5, 6, 7, 8, 9]);
    assert_eq!(read_whole(reading).await, content(0, 100));
    drop(chunks);
    fixture.store(&content(11, 100), at(61)).await;
    fixture.store(&content(12, 100), at(62)).await;
    assert_eq!(left(&fixture, &digests), [4, 5, 6, 7, 8, 9]);
}

#[tokio::test]
async fn eviction_spares_what_the_clients_of_a_fill_still_read() {
    let fixture = fixture();
    let upstream = Upstream::of(content(0, 100));
    let reading = fixture.fetch(&upstream).await.unwrap();
    reading.done().await.unwrap();
    fill(&fixture, 1..12).await;
    assert!(fixture.has(&upstream.digest()));
    assert_eq!(read_whole(reading).await, upstream.content);
}

#[tokio::test]
async fn evicts_an_image_rather_than_parts_of_two() {
    let fixture = fixture();
    let digests = fill(&fixture, 0..10).await;
    let (odd, even): (Vec<_>, Vec<_>) = (0..10).partition(|index| index % 2 == 1);
    let image = |members: &[usize]| -> Vec<_> {
        members
            .iter()
            .map(|&index| digests[index].clone())
            .collect()
    };
    fixture.cache.touch_group(&image(&even), at(100));
    fixture.cache.touch_group(&image(&odd), at(101));
    // Its layers are then read one by one, which does not pull them apart.
    for (index, digest) in image(&even).iter().enumerate() {
        let now = at(100) + jiff::SignedDuration::from_secs(index as i64);
        assert!(fixture.get(digest, now).await.is_some());
    }
    for seed in 20..23 {
        fixture.store(&content(seed, 100), at(200)).await;
    }
    let left = left(&fixture, &digests);
    assert!(odd.iter().all(|index| left.contains(index)), "{left:?}");
    assert!(left.len() < 8);
}

#[tokio::test]
async fn manifests_go_last() {
    let fixture = fixture();
    let body = Bytes::from_static(b"{}");
    let digest = Digest::sha256(&body);
    let kept = fixture.cache.store_manifest(
        &digest,
        MediaType::OCI_MANIFEST,
        body,
        admitted("production", at(-100)),
    );
    kept.await.unwrap();
    fill(&fixture, 0..12).await;
    assert_eq!(fixture.files("manifests").len(), 1);
}

#[tokio::test]
async fn evicts_nothing_for_what_can_never_fit() {
    let fixture = fixture();
    let digests = fill(&fixture, 0..9).await;
    let large = Upstream::of(content(50, 1100));
    let blob = fixture.fetch(&large).await.unwrap();
    assert_eq!(blob.origin(), BlobOrigin::Uncached);
    assert_eq!(left(&fixture, &digests).len(), 9);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn stays_within_its_bound_while_many_fill_at_once() {
    let fixture = fixture();
    let upstreams: Vec<_> = (0..30)
        .map(|seed| Upstream::of(content(seed, 100)))
        .collect();
    let reads = upstreams.iter().map(|upstream| async {
        let blob = fixture.fetch(upstream).await.unwrap();
        assert_eq!(read_whole(blob).await, upstream.content);
    });
    futures_util::future::join_all(reads).await;
    assert!(fixture.cache.stats().bytes <= 1000 * KIB);
    // What was given up is deleted behind whoever needed its room.
    let stored = || fixture.sound_blobs().iter().sum::<u64>();
    eventually(|| stored() == fixture.cache.stats().bytes).await;
}
