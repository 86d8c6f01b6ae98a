//! Counters of the cache, read by the metrics.

use std::sync::atomic::{AtomicU64, Ordering};

/// A reading of the counters since the start, and of three gauges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheStats {
    pub blob_hits: u64,
    pub blob_misses: u64,
    /// Manifests found in memory or on disk.
    pub manifest_hits: u64,
    pub manifest_misses: u64,
    /// Fills begun: each is one upstream request, resumption apart.
    pub fills: u64,
    pub fills_failed: u64,
    /// Blobs streamed without being stored.
    pub uncached: u64,
    pub evicted_files: u64,
    pub evicted_bytes: u64,
    /// Stored files that the disk had damaged.
    pub damaged_files: u64,
    /// Gauge: bytes stored now.
    pub bytes: u64,
    /// Gauge: bytes of manifests and small blobs that are in memory now.
    pub memory_bytes: u64,
    /// Gauge: callers that now wait for the first bytes of a fill.
    pub fill_waiters: u64,
}

#[derive(Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub(super) fn sub(&self, count: u64) {
        self.0.fetch_sub(count, Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Adds `count` for as long as the guard lives.
    pub(super) fn hold(&self, count: u64) -> HeldCount<'_> {
        self.add(count);
        HeldCount {
            counter: self,
            count,
        }
    }
}

pub(super) struct HeldCount<'a> {
    counter: &'a Counter,
    count: u64,
}

impl Drop for HeldCount<'_> {
    fn drop(&mut self) {
        self.counter.sub(self.count);
    }
}

#[derive(Default)]
pub(super) struct CacheCounters {
    pub blob_hits: Counter,
    pub blob_misses: Counter,
    pub manifest_hits: Counter,
    pub manifest_misses: Counter,
    pub fills: Counter,
    pub fills_failed: Counter,
    pub passed: Counter,
    pub evicted_files: Counter,
    pub evicted_bytes: Counter,
    pub fill_waiters: Counter,
}

impl CacheCounters {
    pub(super) fn read(&self, bytes: u64, memory_bytes: u64) -> CacheStats {
        CacheStats {
            blob_hits: self.blob_hits.get(),
            blob_misses: self.blob_misses.get(),
            manifest_hits: self.manifest_hits.get(),
            manifest_misses: self.manifest_misses.get(),
            fills: self.fills.get(),
            fills_failed: self.fills_failed.get(),
            uncached: self.passed.get(),
            evicted_files: self.evicted_files.get(),
            evicted_bytes: self.evicted_bytes.get(),
            bytes,
            memory_bytes,
            fill_waiters: self.fill_waiters.get(),
            ..CacheStats::default()
        }
    }
}
