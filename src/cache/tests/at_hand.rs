use std::fs;
use std::sync::Arc;

use super::kit::{KIB, TestCache, admitted, at, content, read};
use crate::cache::CachedBlob;
use crate::oci::Digest;

async fn small(fixture: &TestCache, digest: &Digest, kib: u64) -> Option<Arc<CachedBlob>> {
    let used = admitted("production", at(0));
    fixture.cache.small_blob(digest, kib * KIB, &used).await
}

#[tokio::test]
async fn a_small_blob_comes_into_memory_once_and_is_sent_from_there() {
    let fixture = TestCache::new();
    let bytes = content(1, 20);
    let digest = fixture.store(&bytes, at(0)).await;
    let used = admitted("production", at(0));
    let at_hand = |size, range| fixture.cache.at_hand((&digest, size), range, &used);
    assert!(at_hand(20 * KIB, 0..20 * KIB).is_none());
    let held = small(&fixture, &digest, 20).await.unwrap();
    assert_eq!(held.bytes(), &bytes);
    fs::remove_file(fixture.file(&digest)).unwrap();
    let part = at_hand(20 * KIB, 5..9).unwrap();
    assert_eq!(read(part).await.0, bytes[5..9]);
    assert!(at_hand(21 * KIB, 0..21 * KIB).is_none(), "another size");
}

#[tokio::test]
async fn what_is_wrong_on_disk_never_comes_into_memory() {
    let fixture = TestCache::new();
    let digest = fixture.store(&content(1, 20), at(0)).await;
    fs::write(fixture.file(&digest), content(2, 20)).unwrap();
    assert!(small(&fixture, &digest, 20).await.is_none());
    assert!(!fixture.has(&digest));
    assert!(small(&fixture, &digest, 20).await.is_none());
}

#[tokio::test]
async fn what_is_large_stays_on_disk_and_is_at_hand_there() {
    let fixture = TestCache::new();
    let bytes = content(1, 1100);
    let digest = fixture.store(&bytes, at(0)).await;
    assert!(small(&fixture, &digest, 1100).await.is_none());
    let used = admitted("production", at(0));
    let whole = (&digest, 1100 * KIB);
    let chunks = fixture.cache.at_hand(whole, 0..1100 * KIB, &used).unwrap();
    assert_eq!(read(chunks).await.0, bytes);
    assert_eq!(fixture.cache.inner.memory.weight(), 0);
}
