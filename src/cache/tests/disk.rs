use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{FutureExt, join_all};
use rustix::fs::{CWD, FileType};

use super::kit::{
    KIB, PLENTY, TestCache, Upstream, admitted, at, config, content, files, read, read_whole,
    wanted,
};
use crate::cache::{BlobOrigin, Cache, CacheError, Evicted, FetchError};
use crate::oci::Digest;
use crate::tasks::Tasks;

const SOON: Duration = Duration::from_secs(20);

#[tokio::test]
async fn kill_leaves_nothing_half_made() {
    let (fixture, upstream) = (TestCache::new(), Upstream::held(content(1, 400)));
    let whole = fixture.store(&content(2, 20), at(0)).await;
    upstream.release(200 * KIB);
    let _filling = fixture.fetch(&upstream).await.unwrap();
    // What the disk holds at this moment is what a kill would leave.
    let left = tempfile::tempdir().unwrap();
    copy(&fixture.folder, left.path());
    assert_eq!(files(&left.path().join("tmp")).len(), 1);

    let after = TestCache::open(config(left.path()));
    assert!(after.files("tmp").is_empty());
    assert!(after.get(&upstream.digest(), at(0)).await.is_none());
    assert!(after.get(&whole, at(0)).await.is_some());
    assert_eq!(after.sound_blobs(), [20 * KIB]);
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
    let fixture = TestCache::new();
    let digest = fixture.store(&content(1, 20), at(0)).await;
    fs::remove_file(fixture.file(&digest)).unwrap();
    assert!(fixture.get(&digest, at(0)).await.is_none());
    assert_eq!(fixture.cache.stats().bytes, 0);
    fixture.store(&content(1, 20), at(0)).await;
    assert!(fixture.get(&digest, at(0)).await.is_some());
}

/// Of the same length, so that nothing but its bytes tells.
#[tokio::test]
async fn a_large_blob_that_the_disk_damaged_is_found_and_goes() {
    let fixture = TestCache::new();
    let large = [content(1, 6000), content(2, 6000), content(3, 1200)];
    let mut stored = Vec::new();
    for content in &large {
        stored.push(fixture.store(content, at(0)).await);
    }
    let path = fixture.file(&stored[0]);
    let file = fs::OpenOptions::new().write(true).open(path).unwrap();
    file.write_all_at(b"damaged", 5000 * KIB).unwrap();
    // Later than the clock of the cache's own walk.
    for step in 0..8 {
        fixture
            .cache
            .recheck_once(at(100_000_000 + 20 * step))
            .await;
    }
    assert!(!fixture.has(&stored[0]));
    assert!(fixture.get(&stored[0], at(0)).await.is_none());
    assert_eq!(fixture.cache.stats().damaged_files, 1);
    for digest in &stored[1..] {
        assert!(fixture.get(digest, at(0)).await.is_some());
    }
    let again = fixture.store(&large[0], at(0)).await;
    assert!(fixture.get(&again, at(0)).await.is_some());
}

#[tokio::test]
async fn file_of_another_length_is_a_miss_and_goes() {
    let fixture = TestCache::new();
    let digest = fixture.store(&content(1, 20), at(0)).await;
    fs::write(fixture.file(&digest), b"short").unwrap();
    assert!(fixture.get(&digest, at(0)).await.is_none());
    assert!(!fixture.has(&digest));
}

/// One worker, and one thread that may wait for the disk.
fn on_one_thread<T>(test: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().max_blocking_threads(1).build();
    runtime.unwrap().block_on(test)
}

/// What no program of ours puts there.
fn put_pipe(at: &Path) {
    fs::remove_file(at).unwrap();
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(CWD, at, FileType::Fifo, mode, 0).unwrap();
}

/// On one worker: if that waited for the disk, nothing below would go on.
#[test]
fn serves_others_while_a_file_hangs() {
    on_one_thread(async {
        let fixture = TestCache::new();
        let hanging = fixture.store(&content(1, 20), at(0)).await;
        let other = fixture.store(&content(2, 20), at(0)).await;
        // To be opened by the thread that waits for the disk, and that hangs.
        put_pipe(&fixture.file(&hanging));
        let (go, hangs) = std::sync::mpsc::channel::<()>();
        let hung = tokio::task::spawn_blocking(move || hangs.recv());
        let mut opening = pin!(fixture.get(&hanging, at(0)));
        assert!(opening.as_mut().now_or_never().is_none());
        fixture
            .cache
            .touch_group(std::slice::from_ref(&hanging), at(1));
        assert!(fixture.get(&other, at(1)).await.is_some());

        drop(go);
        assert!(hung.await.unwrap().is_err());
        assert!(opening.await.is_none());
        assert_eq!(fixture.cache.evict_once().await, Evicted::default());
        assert_eq!(fixture.cache.stats().bytes, 20 * KIB);
    });
}

#[test]
fn a_pipe_in_place_of_a_file_holds_no_thread_and_goes() {
    on_one_thread(async {
        let fixture = TestCache::new();
        let stored = content(1, 20);
        let digest = fixture.store(&stored, at(0)).await;
        put_pipe(&fixture.file(&digest));
        let upstream = Upstream::of(stored.clone());
        let fetched = tokio::time::timeout(SOON, fixture.fetch(&upstream));
        let blob = fetched.await.unwrap().unwrap();
        assert_eq!(read_whole(blob).await, stored);
        assert_eq!(fixture.cache.stats().damaged_files, 1);
        assert_eq!(upstream.requests(), 1);
        // A pull time that is to be saved, and the walk over large files.
        let large = fixture.store(&content(2, 1100), at(0)).await;
        fixture
            .cache
            .touch_group(std::slice::from_ref(&large), at(60));
        put_pipe(&fixture.file(&large));
        let all = async {
            fixture.cache.save_pulls_once().await;
            fixture.cache.recheck_once(at(0)).await;
            fixture.cache.recheck_once(at(100_000_000)).await;
        };
        tokio::time::timeout(SOON, all).await.unwrap();
    });
}

#[tokio::test]
async fn a_file_that_was_cut_or_grew_before_the_start_is_fetched_again() {
    for kib in [20, 1100] {
        for length in [0, 7 * KIB, kib * KIB - 1, kib * KIB + 1, 1200 * KIB] {
            let fixture = TestCache::new();
            let stored = content(1, kib);
            let digest = fixture.store(&stored, at(0)).await;
            let file = fs::File::options().write(true).open(fixture.file(&digest));
            file.unwrap().set_len(length).unwrap();
            let fixture = fixture.restart().await;
            let (size, upstream) = (kib * KIB, Upstream::of(stored.clone()));
            let used = admitted("production", at(0));
            assert!(fixture.cache.expect_length(&digest, size).is_ok());
            let small = fixture.cache.small_blob(&digest, size, &used).await;
            assert!(small.is_none());
            let found = fixture.cache.get(&wanted(&digest, size)).await.unwrap();
            assert!(found.is_none(), "{kib} KiB with {length} bytes");
            assert!(!fixture.has(&digest));
            assert_eq!(fixture.cache.stats().damaged_files, 1);
            let blob = fixture.fetch(&upstream).await.unwrap();
            assert_eq!(read_whole(blob).await, stored);
            assert_eq!(upstream.requests(), 1);
        }
    }
}

/// Its digest rules, and not what a manifest says of its size.
#[tokio::test]
async fn who_lies_about_the_length_of_a_sound_file_has_it_neither_removed_nor_read_twice() {
    let fixture = TestCache::new();
    let digest = fixture.store(&content(1, 20), at(0)).await;
    let fixture = fixture.restart().await;
    let upstream = Upstream::of(content(1, 20));
    for size in [20 * KIB + 1, 7, 20 * KIB + 1] {
        let got = fixture.cache.get(&wanted(&digest, size)).await;
        let lied = fixture.fetch_as(&digest, size, &upstream, at(0)).await;
        for refused in [got.map(|_| ()), lied.map(|_| ())] {
            let is_length = matches!(
                refused,
                Err(FetchError::TooLong { .. } | FetchError::TooShort { .. })
            );
            assert!(is_length, "{refused:?}");
        }
        // It is known from now on, without the disk.
        assert!(fixture.cache.expect_length(&digest, size).is_err());
    }
    assert_eq!(fixture.cache.stats().damaged_files, 0);
    assert_eq!(upstream.requests(), 0);
    let blob = fixture.get(&digest, at(0)).await.unwrap();
    assert_eq!(read_whole(blob).await, content(1, 20));
}

#[tokio::test]
async fn what_can_neither_be_read_nor_removed_is_streamed() {
    let fixture = TestCache::new();
    let upstream = Upstream::of(content(1, 20));
    let digest = fixture.store(&upstream.content, at(0)).await;
    put_pipe(&fixture.file(&digest));
    // Nothing can be moved there.
    let folder = fixture.folder.join("tmp");
    fs::remove_dir(&folder).unwrap();
    fs::write(&folder, b"").unwrap();
    let fetched = tokio::time::timeout(SOON, fixture.fetch(&upstream));
    let blob = fetched.await.unwrap().unwrap();
    assert_eq!(blob.origin(), BlobOrigin::Uncached);
    assert_eq!(read_whole(blob).await, upstream.content);
}

/// Who reads already breaks off, and asks again.
#[tokio::test]
async fn a_disk_that_becomes_full_while_bytes_come_is_told() {
    let fixture = TestCache::with(|config| config.max_size = 500 * KIB);
    let upstream = Upstream::held(content(1, 400));
    upstream.release(150 * KIB);
    let filling = fixture.fetch(&upstream).await.unwrap();
    // It is read, so nothing makes room.
    let other = Upstream::of(content(2, 150));
    let used = admitted("staging", at(0));
    let digest = other.digest();
    let held = fixture.fetch_for(&digest, 150 * KIB, &other, used);
    let held = held.await.unwrap();
    held.done().await.unwrap();
    assert_eq!(fixture.cache.write_fault(), None);
    upstream.release(u64::MAX);
    let (bytes, ended) = read(filling.whole()).await;
    assert!(ended.is_err() && bytes.len() < upstream.content.len());
    assert!(fixture.cache.write_fault().is_some());
    // Asked for again, it is handed through.
    let again = fixture.fetch(&upstream).await.unwrap();
    assert_eq!(again.origin(), BlobOrigin::Uncached);
    assert_eq!(read_whole(again).await, upstream.content);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn entry_and_file_come_and_go_together() {
    let fixture = TestCache::new();
    let upstream = Upstream::of(content(1, 20));
    let digest = upstream.digest();
    for _ in 0..50 {
        fixture.fill(&upstream).await;
        let inner = fixture.cache.inner.clone();
        let gone = digest.clone();
        let removes = tokio::task::spawn_blocking(move || {
            drop(inner.blobs.remove(&gone, &inner.temporary));
        });
        let (removed, refilled) = tokio::join!(removes, fixture.fetch(&upstream));
        removed.unwrap();
        refilled.unwrap().done().await.unwrap();
        let listed = fixture.cache.inner.blobs.contains(&digest);
        assert_eq!(fixture.has(&digest), listed);
    }
}

#[tokio::test]
async fn restart_finds_what_was_stored_and_when_it_was_pulled() {
    let fixture = TestCache::new();
    let old = fixture.store(&content(1, 20), at(10)).await;
    let new = fixture.store(&content(2, 20), at(20)).await;
    fixture
        .cache
        .touch_group(std::slice::from_ref(&old), at(30));
    fixture.cache.save_pulls_once().await;
    let fixture = fixture.restart().await;
    assert_eq!(fixture.cache.stats().bytes, 40 * KIB);
    let order: Vec<_> = fixture.cache.inner.blobs.candidates();
    let mut order: Vec<_> = order.iter().map(|one| (&one.digest, one.pulled)).collect();
    order.sort_by_key(|(_, pulled)| *pulled);
    assert_eq!(order, [(&new, 20 * 60), (&old, 30 * 60)]);
    let blob = fixture.get(&old, at(30)).await.unwrap();
    assert_eq!(read_whole(blob).await, content(1, 20));
}

#[tokio::test]
async fn foreign_files_are_left_alone() {
    let fixture = TestCache::new();
    let digest = Digest::sha256(b"moved");
    let astray = fixture.folder.join("blobs/sha256/zz");
    fs::create_dir_all(&astray).unwrap();
    fs::write(astray.join(digest.hex()), b"moved").unwrap();
    fs::write(astray.join("readme"), b"?").unwrap();
    let fixture = fixture.restart().await;
    assert!(fixture.get(&digest, at(0)).await.is_none());
    assert_eq!(fixture.files("blobs").len(), 2);
}

#[tokio::test]
async fn second_process_is_refused() {
    let fixture = TestCache::new();
    let records = super::kit::records(super::kit::recorder(&fixture.filled));
    let second = Cache::open(config(&fixture.folder), None, Tasks::new(), records);
    assert!(matches!(second, Err(CacheError::Locked(_))));
}

#[tokio::test]
async fn full_disk_streams_without_storing() {
    let fixture = TestCache::with(|config| config.min_free = u64::MAX);
    let upstream = Upstream::of(content(3, 500));
    let clients = (0..3).map(|_| async {
        let blob = fixture.fetch(&upstream).await.unwrap();
        assert_eq!(blob.origin(), BlobOrigin::Uncached);
        assert_eq!(read_whole(blob).await, upstream.content);
    });
    join_all(clients).await;
    let ranged = fixture.fetch(&upstream).await.unwrap();
    let (bytes, ended) = read(ranged.chunks(100_000..300_000)).await;
    ended.unwrap();
    assert_eq!(bytes, upstream.content[100_000..300_000]);
    assert_eq!(upstream.requests(), 4);
    fixture.tidied().await;
    assert!(fixture.files("blobs").is_empty());
    assert!(fixture.filled.lock().unwrap().len() >= 3);
    assert_eq!(fixture.cache.stats().uncached, 4);
}

#[tokio::test]
async fn full_disk_resumes_and_verifies_as_well() {
    let fixture = TestCache::with(|config| config.max_size = 10 * KIB);
    let upstream = Upstream::of(content(3, 100));
    upstream.breaks.lock().unwrap().push((32 * KIB, false));
    let blob = fixture.fetch(&upstream).await.unwrap();
    assert_eq!(read_whole(blob).await, upstream.content);
    assert_eq!(*upstream.asked.lock().unwrap(), [0, 32 * KIB]);

    let other = Digest::sha256(b"other");
    let wrong = fixture.fetch_as(&other, 100 * KIB, &upstream, at(0)).await;
    let (bytes, ended) = read(wrong.unwrap().whole()).await;
    assert!(ended.is_err() && (bytes.len() as u64) < 100 * KIB);
    let empty = Upstream::of(bytes::Bytes::new());
    let fixture = TestCache::with(|config| config.min_free = PLENTY << 30);
    let wrong = fixture.fetch_as(&other, 0, &empty, at(0)).await;
    assert!(matches!(wrong, Err(FetchError::WrongDigest { .. })));
}

/// Pulls go on from the upstream, so nobody would notice otherwise.
#[tokio::test]
async fn a_folder_that_cannot_be_written_is_told_until_something_is_kept() {
    let fixture = TestCache::new();
    fixture.store(&content(1, 20), at(0)).await;
    assert_eq!(fixture.cache.write_fault(), None);
    let folder = fixture.folder.join("tmp");
    fs::remove_dir(&folder).unwrap();
    let upstream = Upstream::of(content(2, 20));
    let blob = fixture.fetch(&upstream).await.unwrap();
    assert_eq!(read_whole(blob).await, upstream.content);
    assert!(fixture.cache.write_fault().is_some());
    fixture.cache.probe_once().await;
    assert!(fixture.cache.write_fault().is_some());
    fs::create_dir(&folder).unwrap();
    fixture.cache.probe_once().await;
    assert_eq!(fixture.cache.write_fault(), None, "without a pull");
    assert!(fixture.files("tmp").is_empty());
    let blob = fixture.fetch(&Upstream::of(content(3, 20))).await.unwrap();
    assert_eq!(read_whole(blob).await, content(3, 20));
    assert_eq!(fixture.cache.write_fault(), None);
}
