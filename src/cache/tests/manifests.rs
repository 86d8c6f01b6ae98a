use std::fs;

use bytes::Bytes;

use super::kit::{House, KIB, at, content};
use crate::cache::FetchError;
use crate::oci::{Digest, MediaType};

#[tokio::test]
async fn serves_manifests_verbatim_from_memory_and_after_a_restart() {
    let house = House::new();
    let body = Bytes::from_static(b"{\n \"schemaVersion\": 2 }\n\n");
    for digest in [Digest::sha256(&body), Digest::sha512(&body)] {
        let stored = house
            .cache
            .store_manifest(&digest, MediaType::OCI_INDEX, body.clone(), at(0))
            .await
            .unwrap();
        assert_eq!(house.cache.manifest(&digest), Some(stored));
    }
    let house = house.restart().await;
    let digest = Digest::sha256(&body);
    assert_eq!(house.cache.manifest(&digest), None);
    let loaded = house.cache.load_manifest(&digest, at(1)).await.unwrap();
    assert_eq!(
        (loaded.bytes(), loaded.media_type()),
        (&body, &MediaType::OCI_INDEX)
    );
    assert_eq!(house.cache.manifest(&digest), Some(loaded));
}

#[tokio::test]
async fn refuses_a_manifest_with_another_digest() {
    let house = House::new();
    let digest = Digest::sha256(b"one");
    let other = Bytes::from_static(b"other");
    let stored = house
        .cache
        .store_manifest(&digest, MediaType::OCI_INDEX, other, at(0))
        .await;
    assert!(matches!(stored, Err(FetchError::WrongDigest { .. })));
    assert!(house.cache.load_manifest(&digest, at(0)).await.is_none());
    assert_eq!(house.cache.stats().manifest_misses, 1);
}

#[tokio::test]
async fn corrupt_manifest_is_a_miss_and_goes() {
    let house = House::new();
    let body = Bytes::from_static(b"{}");
    let digest = Digest::sha256(&body);
    let stored = house
        .cache
        .store_manifest(&digest, MediaType::OCI_INDEX, body, at(0));
    stored.await.unwrap();
    let house = house.restart().await;
    let file = house.files("manifests").remove(0);
    let wrong = fs::read_to_string(&file).unwrap().replace("{}", "[]");
    fs::write(file, wrong).unwrap();
    assert!(house.cache.load_manifest(&digest, at(0)).await.is_none());
    assert!(house.files("manifests").is_empty());
}

#[tokio::test]
async fn full_disk_keeps_manifests_in_memory() {
    let house = House::with(|config| config.min_free = u64::MAX);
    let body = Bytes::from_static(b"{}");
    let digest = Digest::sha256(&body);
    let stored = house
        .cache
        .store_manifest(&digest, MediaType::OCI_INDEX, body, at(0));
    stored.await.unwrap();
    assert!(house.cache.manifest(&digest).is_some());
    assert!(house.files("manifests").is_empty());
}

#[tokio::test]
async fn memory_of_manifests_is_bounded() {
    let house = House::new();
    for seed in 0..40 {
        let body = content(seed, 8);
        let digest = Digest::sha256(&body);
        let stored = house
            .cache
            .store_manifest(&digest, MediaType::OCI_INDEX, body, at(0));
        stored.await.unwrap();
    }
    assert!(house.cache.inner.memory.weight() <= 64 * KIB);
    assert_eq!(house.files("manifests").len(), 40);
}
