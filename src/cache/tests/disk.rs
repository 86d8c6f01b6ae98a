use std::fs;
use std::path::Path;
use std::pin::pin;

use futures_util::future::{FutureExt, join_all};
use rustix::fs::{CWD, FileType};

use super::kit::{House, KIB, PLENTY, Upstream, at, config, content, files, read, read_whole};
use crate::cache::{Cache, CacheError, Evicted, FetchError, Origin};
use crate::oci::Digest;
use crate::tasks::Tasks;

#[tokio::test]
async fn kill_leaves_nothing_half_made() {
    let (house, upstream) = (House::new(), Upstream::held(content(1, 400)));
    let whole = house.store(&content(2, 20), at(0)).await;
    upstream.release(200 * KIB);
    let _filling = house.fetch(&upstream).await.unwrap();
    // What the disk holds at this moment is what a kill would leave.
    let left = tempfile::tempdir().unwrap();
    copy(&house.folder, left.path());
    assert_eq!(files(&left.path().join("tmp")).len(), 1);

    let after = House::open(config(left.path()));
    assert!(after.files("tmp").is_empty());
    assert!(after.cache.get(&upstream.digest(), at(0)).await.is_none());
    assert!(after.cache.get(&whole, at(0)).await.is_some());
    let found = after.cache.verify_all().await;
    assert_eq!((found.files, found.bytes), (1, 20 * KIB));
    assert!(found.corrupt.is_empty());
}

fn copy(from: &Path, to: &Path) {
    for file in files(from) {
        let target = to.join(file.strip_prefix(from).unwrap());
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(file, target).unwrap();
    }
}

#[tokio::test]
async fn missing_file_is_a_miss() {
    let house = House::new();
    let digest = house.store(&content(1, 20), at(0)).await;
    fs::remove_file(house.file(&digest)).unwrap();
    assert!(house.cache.get(&digest, at(0)).await.is_none());
    assert_eq!(house.cache.stats().bytes, 0);
    house.store(&content(1, 20), at(0)).await;
    assert!(house.cache.get(&digest, at(0)).await.is_some());
}

#[tokio::test]
async fn file_of_another_length_is_a_miss_and_goes() {
    let house = House::new();
    let digest = house.store(&content(1, 20), at(0)).await;
    fs::write(house.file(&digest), b"short").unwrap();
    assert!(house.cache.get(&digest, at(0)).await.is_none());
    assert!(!house.has(&digest));
}

/// On one worker: if that waited for the disk, nothing below would go on.
#[tokio::test]
async fn serves_others_while_a_file_hangs() {
    let house = House::new();
    let hanging = house.store(&content(1, 20), at(0)).await;
    let other = house.store(&content(2, 20), at(0)).await;
    let file = house.file(&hanging);
    fs::remove_file(&file).unwrap();
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(CWD, &file, FileType::Fifo, mode, 0).unwrap();

    let mut opening = pin!(house.cache.get(&hanging, at(0)));
    assert!(opening.as_mut().now_or_never().is_none());
    house
        .cache
        .touch_group(std::slice::from_ref(&hanging), at(1));
    assert!(house.cache.get(&other, at(1)).await.is_some());
    assert_eq!(house.cache.evict_once().await, Evicted::default());

    // With a writer, the file opens at last; it is none of ours.
    let _writer = fs::File::options().read(true).write(true).open(&file);
    assert!(opening.await.is_none());
    assert_eq!(house.cache.stats().bytes, 20 * KIB);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn entry_and_file_come_and_go_together() {
    let house = House::new();
    let upstream = Upstream::of(content(1, 20));
    let digest = upstream.digest();
    for _ in 0..50 {
        house.fetch(&upstream).await.unwrap().done().await.unwrap();
        let inner = house.cache.inner.clone();
        let gone = digest.clone();
        let removes = tokio::task::spawn_blocking(move || {
            drop(inner.blobs.remove(&gone, &inner.workbench));
        });
        let (removed, refilled) = tokio::join!(removes, house.fetch(&upstream));
        removed.unwrap();
        refilled.unwrap().done().await.unwrap();
        let listed = house.cache.inner.blobs.contains(&digest);
        assert_eq!(house.has(&digest), listed);
    }
}

#[tokio::test]
async fn restart_finds_what_was_stored_and_when_it_was_pulled() {
    let house = House::new();
    let old = house.store(&content(1, 20), at(10)).await;
    let new = house.store(&content(2, 20), at(20)).await;
    house.cache.touch_group(std::slice::from_ref(&old), at(30));
    house.cache.save_pulls_once().await;
    let house = house.restart().await;
    assert_eq!(house.cache.stats().bytes, 40 * KIB);
    let order: Vec<_> = house.cache.inner.blobs.candidates();
    let order: Vec<_> = order.iter().map(|one| (&one.digest, one.pulled)).collect();
    assert_eq!(order, [(&new, 20 * 60), (&old, 30 * 60)]);
    let blob = house.cache.get(&old, at(30)).await.unwrap();
    assert_eq!(read_whole(blob).await, content(1, 20));
}

#[tokio::test]
async fn foreign_files_are_left_alone() {
    let house = House::new();
    let digest = Digest::sha256(b"moved");
    let astray = house.folder.join("blobs/sha256/zz");
    fs::create_dir_all(&astray).unwrap();
    fs::write(astray.join(digest.hex()), b"moved").unwrap();
    fs::write(astray.join("readme"), b"?").unwrap();
    let house = house.restart().await;
    assert!(house.cache.get(&digest, at(0)).await.is_none());
    assert_eq!(house.files("blobs").len(), 2);
}

#[tokio::test]
async fn second_process_is_refused() {
    let house = House::new();
    let recorder = super::kit::recorder(&house.filled);
    let second = Cache::open(config(&house.folder), Tasks::new(), recorder);
    assert!(matches!(second, Err(CacheError::Locked(_))));
}

#[tokio::test]
async fn full_disk_streams_without_storing() {
    let house = House::with(|config| config.min_free = u64::MAX);
    let upstream = Upstream::of(content(3, 500));
    let clients = (0..3).map(|_| async {
        let blob = house.fetch(&upstream).await.unwrap();
        assert_eq!(blob.origin(), Origin::Passing);
        assert_eq!(read_whole(blob).await, upstream.content);
    });
    join_all(clients).await;
    let ranged = house.fetch(&upstream).await.unwrap();
    let (bytes, ended) = read(ranged.chunks(100_000..300_000)).await;
    ended.unwrap();
    assert_eq!(bytes, upstream.content[100_000..300_000]);
    assert_eq!(upstream.requests(), 4);
    assert!(house.files("blobs").is_empty() && house.files("tmp").is_empty());
    assert!(house.filled.lock().unwrap().len() >= 3);
    assert_eq!(house.cache.stats().passed, 4);
}

#[tokio::test]
async fn full_disk_resumes_and_verifies_as_well() {
    let house = House::with(|config| config.max_size = 10 * KIB);
    let upstream = Upstream::of(content(3, 100));
    upstream.breaks.lock().unwrap().push((32 * KIB, false));
    let blob = house.fetch(&upstream).await.unwrap();
    assert_eq!(read_whole(blob).await, upstream.content);
    assert_eq!(*upstream.asked.lock().unwrap(), [0, 32 * KIB]);

    let other = Digest::sha256(b"other");
    let wrong = house.fetch_as(&other, 100 * KIB, &upstream, at(0)).await;
    let (bytes, ended) = read(wrong.unwrap().whole()).await;
    assert!(ended.is_err() && (bytes.len() as u64) < 100 * KIB);
    let empty = Upstream::of(bytes::Bytes::new());
    let house = House::with(|config| config.min_free = PLENTY << 30);
    let wrong = house.fetch_as(&other, 0, &empty, at(0)).await;
    assert!(matches!(wrong, Err(FetchError::WrongDigest { .. })));
}

#[tokio::test]
async fn full_check_finds_and_removes_corruption() {
    let house = House::new();
    let good = house.store(&content(1, 20), at(0)).await;
    let bad = house.store(&content(2, 20), at(0)).await;
    let lost = house.store(&content(3, 20), at(0)).await;
    let mut bytes = fs::read(house.file(&bad)).unwrap();
    bytes[5000] ^= 1;
    fs::write(house.file(&bad), bytes).unwrap();
    fs::remove_file(house.file(&lost)).unwrap();
    let found = house.cache.verify_all().await;
    assert_eq!(found.corrupt, std::slice::from_ref(&bad));
    assert_eq!((found.files, found.bytes), (1, 20 * KIB));
    assert!(house.has(&good) && !house.has(&bad));
    assert!(house.cache.get(&bad, at(0)).await.is_none());
}
