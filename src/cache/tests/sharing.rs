use std::fs;

use rustix::fs::removexattr;

use super::kit::{
    KIB, PLENTY, TestCache, Upstream, admitted, at, config, content, passed, read, read_whole,
};
use crate::cache::{BlobOrigin, CacheOptions, ContentUse};
use crate::oci::{Algorithm, Digest};

const DAY: i64 = 24 * 60;

/// Room for ten blobs of 100 KiB.
fn small(config: &mut CacheOptions) {
    config.max_size = 1000 * KIB;
}

/// Blobs of 100 KiB, pulled for `used`; those that were stored.
async fn fill(fixture: &TestCache, seeds: std::ops::Range<u64>, used: ContentUse) -> Vec<Digest> {
    let mut stored = Vec::new();
    for seed in seeds {
        let upstream = Upstream::of(content(seed, 100));
        let digest = upstream.digest();
        let blob = fixture.fetch_for(&digest, 100 * KIB, &upstream, used.clone());
        let blob = blob.await.unwrap();
        blob.done().await.unwrap();
        assert_eq!(read_whole(blob).await, upstream.content);
        stored.extend(fixture.has(&digest).then_some(digest));
    }
    stored
}

fn left(fixture: &TestCache, digests: &[Digest]) -> usize {
    digests.iter().filter(|digest| fixture.has(digest)).count()
}

#[tokio::test]
async fn what_is_only_declared_evicts_nothing() {
    let fixture = TestCache::with(small);
    let own = fill(&fixture, 0..9, admitted("production", at(0))).await;
    for (algorithm, declared) in [
        (Algorithm::Sha256, 400 * KIB),
        (Algorithm::Sha512, 900 * KIB),
        (Algorithm::Sha256, u64::MAX),
    ] {
        for used in [passed("audit", at(1)), admitted("production", at(1))] {
            let upstream = Upstream::of(content(50, 1));
            let digest = Digest::of(algorithm, &upstream.content);
            let short = fixture.fetch_for(&digest, declared, &upstream, used);
            if let Ok(blob) = short.await {
                assert!(read(blob.whole()).await.1.is_err());
            }
            assert_eq!(left(&fixture, &own), 9, "{declared}");
        }
    }
    fixture.tidied().await;
}

#[tokio::test]
async fn what_was_only_passed_pushes_out_nothing_that_is_admitted() {
    let fixture = TestCache::with(small);
    let own = fill(&fixture, 0..8, admitted("production", at(0))).await;
    let first = fill(&fixture, 10..12, passed("audit", at(1))).await;
    assert_eq!(first.len(), 2);
    // It takes its own room anew, and is streamed where that is not enough.
    let later = fill(&fixture, 20..40, passed("audit", at(2))).await;
    assert!(later.len() >= 18);
    assert_eq!((left(&fixture, &own), left(&fixture, &first)), (8, 0));
    let large = Upstream::of(content(60, 400));
    let (digest, used) = (large.digest(), passed("audit", at(3)));
    let blob = fixture.fetch_for(&digest, 400 * KIB, &large, used).await;
    let blob = blob.unwrap();
    assert_eq!(blob.origin(), BlobOrigin::Uncached);
    assert_eq!(read_whole(blob).await, large.content);
    // What is admitted takes that room first.
    let more = fill(&fixture, 41..43, admitted("production", at(4))).await;
    assert_eq!((left(&fixture, &own), left(&fixture, &more)), (8, 2));
    // After a week what is not pulled any more gives way.
    let old = fill(&fixture, 70..75, passed("audit", at(8 * DAY))).await;
    assert_eq!(left(&fixture, &old), 5);
}

#[tokio::test]
async fn an_environment_keeps_its_share_whatever_another_pulls() {
    let fixture = TestCache::with(small);
    let own = fill(&fixture, 0..5, admitted("production", at(0))).await;
    let other = fill(&fixture, 10..40, admitted("staging", at(1))).await;
    assert_eq!(left(&fixture, &own), 5);
    assert!(left(&fixture, &other) <= 5);
    // One that has more than its share gives way to one that has less.
    let fixture = TestCache::with(small);
    let own = fill(&fixture, 0..10, admitted("production", at(0))).await;
    let other = fill(&fixture, 10..13, admitted("staging", at(1))).await;
    assert_eq!(left(&fixture, &other), 3);
    assert!(left(&fixture, &own) >= 5);
    // Nobody else's pull counts against it.
    fill(&fixture, 10..13, passed("audit", at(2))).await;
    fill(&fixture, 10..13, admitted("production", at(2))).await;
    let flood = fill(&fixture, 20..60, admitted("production", at(3))).await;
    assert!(left(&fixture, &flood) > 0);
    assert_eq!(left(&fixture, &other), 3);
}

#[tokio::test]
async fn what_is_admitted_later_weighs_as_such_also_after_a_restart() {
    let fixture = TestCache::new();
    let first = fill(&fixture, 0..4, passed("audit", at(0))).await;
    let second = fill(&fixture, 4..8, passed("audit", at(0))).await;
    for seed in 4..8 {
        let upstream = Upstream::of(content(seed, 100));
        let used = admitted("production", at(0));
        let digest = upstream.digest();
        let again = fixture.fetch_for(&digest, 100 * KIB, &upstream, used).await;
        assert_eq!(again.unwrap().origin(), BlobOrigin::Stored);
    }
    fixture.cache.save_pulls_once().await;
    let folder = fixture.folder.clone();
    let fixture = fixture.restart().await;
    fixture.tasks.drain(std::time::Duration::ZERO).await;
    let kept = fixture.into_folder();
    let mut options = config(&folder);
    options.max_size = 800 * KIB;
    let fixture = TestCache::open(options);
    let fresh = fill(&fixture, 20..22, admitted("production", at(1))).await;
    assert_eq!(left(&fixture, &second), 4);
    assert!(left(&fixture, &first) < 4 && left(&fixture, &fresh) == 2);
    drop(kept);
}

#[tokio::test]
async fn a_cache_of_an_earlier_program_opens_and_is_kept() {
    let fixture = TestCache::new();
    let own = fill(&fixture, 0..4, passed("audit", at(0))).await;
    for file in fixture.files("blobs") {
        removexattr(&file, "user.sekisho.holder").unwrap();
        assert_eq!(fs::metadata(&file).unwrap().len(), 100 * KIB);
    }
    let fixture = fixture.restart().await;
    assert_eq!(fixture.cache.stats().bytes, 400 * KIB);
    for digest in &own {
        assert!(fixture.get(digest, at(1)).await.is_some());
    }
    assert!(PLENTY > fixture.cache.stats().bytes);
}
