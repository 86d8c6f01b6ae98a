use std::fs;

use bytes::Bytes;

use super::kit::{KIB, TestCache, admitted, at, content};
use crate::cache::FetchError;
use crate::oci::{Digest, MediaType};

#[tokio::test]
async fn serves_manifests_verbatim_from_memory_and_after_a_restart() {
    let fixture = TestCache::new();
    let body = Bytes::from_static(b"{\n \"schemaVersion\": 2 }\n\n");
    for digest in [Digest::sha256(&body), Digest::sha512(&body)] {
        let stored = fixture
            .cache
            .store_manifest(
                &digest,
                MediaType::OCI_INDEX,
                body.clone(),
                admitted("production", at(0)),
            )
            .await
            .unwrap();
        assert_eq!(fixture.cache.manifest(&digest, None), Some(stored));
    }
    let fixture = fixture.restart().await;
    let digest = Digest::sha256(&body);
    assert_eq!(fixture.cache.manifest(&digest, None), None);
    let loaded = fixture
        .cache
        .load_manifest(&digest, None, admitted("production", at(1)))
        .await
        .unwrap();
    assert_eq!(
        (loaded.bytes(), loaded.media_type()),
        (&body, &MediaType::OCI_INDEX)
    );
    assert_eq!(fixture.cache.manifest(&digest, None), Some(loaded));
}

#[tokio::test]
async fn refuses_a_manifest_with_another_digest() {
    let fixture = TestCache::new();
    let digest = Digest::sha256(b"one");
    let other = Bytes::from_static(b"other");
    let stored = fixture
        .cache
        .store_manifest(
            &digest,
            MediaType::OCI_INDEX,
            other,
            admitted("production", at(0)),
        )
        .await;
    assert!(matches!(stored, Err(FetchError::WrongDigest { .. })));
    assert!(
        fixture
            .cache
            .load_manifest(&digest, None, admitted("production", at(0)))
            .await
            .is_none()
    );
    assert_eq!(fixture.cache.stats().manifest_misses, 1);
}

#[tokio::test]
async fn corrupt_manifest_is_a_miss_and_goes() {
    let fixture = TestCache::new();
    let body = Bytes::from_static(b"{}");
    let digest = Digest::sha256(&body);
    let stored = fixture.cache.store_manifest(
        &digest,
        MediaType::OCI_INDEX,
        body,
        admitted("production", at(0)),
    );
    stored.await.unwrap();
    let fixture = fixture.restart().await;
    let file = fixture.files("manifests").remove(0);
    let wrong = fs::read_to_string(&file).unwrap().replace("{}", "[]");
    fs::write(file, wrong).unwrap();
    assert!(
        fixture
            .cache
            .load_manifest(&digest, None, admitted("production", at(0)))
            .await
            .is_none()
    );
    assert!(fixture.files("manifests").is_empty());
}

#[tokio::test]
async fn full_disk_keeps_manifests_in_memory() {
    let fixture = TestCache::with(|config| config.min_free = u64::MAX);
    let body = Bytes::from_static(b"{}");
    let digest = Digest::sha256(&body);
    let stored = fixture.cache.store_manifest(
        &digest,
        MediaType::OCI_INDEX,
        body,
        admitted("production", at(0)),
    );
    stored.await.unwrap();
    assert!(fixture.cache.manifest(&digest, None).is_some());
    assert!(fixture.files("manifests").is_empty());
}

#[tokio::test]
async fn memory_of_manifests_is_bounded() {
    let fixture = TestCache::new();
    for seed in 0..40 {
        let body = content(seed, 8);
        let digest = Digest::sha256(&body);
        let stored = fixture.cache.store_manifest(
            &digest,
            MediaType::OCI_INDEX,
            body,
            admitted("production", at(0)),
        );
        stored.await.unwrap();
    }
    assert!(fixture.cache.inner.memory.weight() <= 64 * KIB);
    assert_eq!(fixture.files("manifests").len(), 40);
}

/// An upstream may change its mind on the type; what was judged stands.
#[tokio::test]
async fn a_manifest_is_served_as_it_was_judged_whatever_it_was_stored_as() {
    let fixture = TestCache::new();
    let body = Bytes::from_static(b"{\"schemaVersion\": 2}");
    let (oci, docker) = (MediaType::OCI_MANIFEST, MediaType::DOCKER_MANIFEST);
    for digest in [Digest::sha256(&body), Digest::sha512(&body)] {
        let stored = fixture.cache.store_manifest(
            &digest,
            docker.clone(),
            body.clone(),
            admitted("production", at(0)),
        );
        stored.await.unwrap();
        assert_eq!(fixture.cache.manifest(&digest, Some(&oci)), None);
        let found = fixture
            .cache
            .load_manifest(&digest, Some(&oci), admitted("production", at(0)));
        let found = found.await.unwrap();
        assert_eq!((found.media_type(), found.bytes()), (&oci, &body));
        assert_eq!(found.content_type(), oci.as_str());
        assert_eq!(fixture.cache.manifest(&digest, Some(&oci)), Some(found));
    }
    let fixture = fixture.restart().await;
    let digest = Digest::sha256(&body);
    let found = fixture
        .cache
        .load_manifest(&digest, Some(&oci), admitted("production", at(0)))
        .await;
    assert_eq!(found.unwrap().media_type(), &oci);
}
