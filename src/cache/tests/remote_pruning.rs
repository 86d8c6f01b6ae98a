//! What is removed from the remote tier, and what never is.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

use jiff::{SignedDuration, Timestamp};

use super::kit::{KIB, Upstream, content};
use super::remote::{Replica, Shared, eventually};
use crate::cache::{PruneBounds, Pruned};
use crate::oci::Digest;

const DAY: u64 = 24 * 3600;

fn set_age(file: &Path, days: u64) {
    let then = SystemTime::now() - Duration::from_secs(days * DAY + 60);
    let file = File::options().write(true).open(file).unwrap();
    file.set_modified(then).unwrap();
}

/// A blob that was written so many days ago, and pulled never since.
async fn written(replica: &Replica, shared: &Shared, seed: u64, days: u64) -> Digest {
    let upstream = Upstream::of(content(seed, 64));
    let blob = replica.near.fetch(&upstream).await.unwrap();
    blob.done().await.unwrap();
    shared.holds(&upstream.digest()).await;
    set_age(&shared.blob(&upstream.digest()), days);
    upstream.digest()
}

fn older_than(days: i64) -> PruneBounds {
    PruneBounds {
        max_age: Some(SignedDuration::from_hours(24 * days)),
        max_size: None,
    }
}

#[tokio::test]
async fn what_was_not_pulled_for_long_goes_and_the_rest_stays() {
    let shared = Shared::new();
    let replica = shared.replica();
    let old = written(&replica, &shared, 1, 100).await;
    let young = written(&replica, &shared, 2, 80).await;
    let pulled = written(&replica, &shared, 3, 100).await;
    replica
        .near
        .cache
        .touch_group(std::slice::from_ref(&pulled), Timestamp::now());
    let mark = shared.object("pulled", &pulled);
    eventually(|| mark.exists()).await;
    let pruned = replica.tier.prune_once(older_than(90), Timestamp::now());
    let expected = Pruned {
        objects: 1,
        bytes: 64 * KIB,
    };
    assert_eq!(pruned.await, Ok(expected));
    assert!(!shared.blob(&old).exists());
    assert!(shared.blob(&young).exists() && shared.blob(&pulled).exists());
    // An old mark goes with what it stood for.
    set_age(&mark, 95);
    let pruned = replica.tier.prune_once(older_than(90), Timestamp::now());
    assert_eq!(pruned.await, Ok(expected));
    assert!(!shared.blob(&pulled).exists() && !mark.exists());
}

#[tokio::test]
async fn over_its_size_what_was_pulled_least_recently_goes_first() {
    let shared = Shared::new();
    let replica = shared.replica();
    let mut blobs = Vec::new();
    for days in [5, 4, 3, 2] {
        blobs.push(written(&replica, &shared, days, days).await);
    }
    let bounds = PruneBounds {
        max_age: None,
        max_size: Some(220 * KIB),
    };
    let pruned = replica
        .tier
        .prune_once(bounds, Timestamp::now())
        .await
        .unwrap();
    assert_eq!(pruned.objects, 1);
    let there: Vec<bool> = blobs.iter().map(|it| shared.blob(it).exists()).collect();
    assert_eq!(there, [false, true, true, true]);
    let again = replica.tier.prune_once(bounds, Timestamp::now()).await;
    assert_eq!(again, Ok(Pruned::default()));
}

#[tokio::test]
async fn what_was_pulled_lately_stays_whatever_the_bounds_say() {
    let shared = Shared::new();
    let replica = shared.replica();
    let blob = written(&replica, &shared, 1, 0).await;
    for bounds in [
        older_than(0),
        PruneBounds {
            max_age: None,
            max_size: Some(1),
        },
    ] {
        let pruned = replica.tier.prune_once(bounds, Timestamp::now()).await;
        assert_eq!(pruned, Ok(Pruned::default()));
    }
    assert!(shared.blob(&blob).exists());
}

#[tokio::test]
async fn what_is_nobodys_is_left_alone() {
    let shared = Shared::new();
    let replica = shared.replica();
    let folder = shared.folder.path().join("blobs/sha256/zz");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("README"), "mine").unwrap();
    set_age(&folder.join("README"), 1000);
    let pruned = replica
        .tier
        .prune_once(older_than(2), Timestamp::now())
        .await;
    assert_eq!(pruned, Ok(Pruned::default()));
    assert!(folder.join("README").exists());
}

#[tokio::test]
async fn nothing_is_removed_without_bounds() {
    let shared = Shared::new();
    let replica = shared.replica();
    let blob = written(&replica, &shared, 1, 5000).await;
    let pruned = replica
        .tier
        .prune_once(PruneBounds::default(), Timestamp::now());
    assert_eq!(pruned.await, Ok(Pruned::default()));
    assert!(shared.blob(&blob).exists());
}
