//! A bounded map: entries expire, and the least recently used one is evicted when it is
//! full.

use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ahash::RandomState;
use hashlink::LinkedHashMap;
use hashlink::linked_hash_map::RawEntryMut;
use jiff::{SignedDuration, Timestamp};

use super::HeapSize;

/// Bytes that a shard should hold at least: more than any one entry weighs.
const MIN_SHARD_BYTES: u64 = 1 << 20;
/// Shards at most: so many threads work on one memory without waiting.
const MAX_SHARDS: u64 = 64;
/// What the map itself takes for an entry, in bytes: two links, its place in
/// the table with what is free there, and what the allocator rounds up.
const ENTRY_OVERHEAD_BYTES: usize = 64;

/// When an entry may be used: from the moment at which it was made, and until
/// its time to live is over. Nothing holds before it was made, so a clock that
/// is set back ends what was remembered while it was ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    from: Timestamp,
    /// The first moment at which it no longer holds.
    until: Timestamp,
}

impl Validity {
    /// What is true whatever the time: content that has its own digest.
    pub const ALWAYS: Self = Self {
        from: Timestamp::MIN,
        until: Timestamp::MAX,
    };

    /// From `from` on, for `time_to_live`.
    pub fn lasting(from: Timestamp, time_to_live: SignedDuration) -> Self {
        let until = from.saturating_add(time_to_live).unwrap_or(Timestamp::MAX);
        Self { from, until }
    }

    /// From `from` until just before `until`; `None`: without an end.
    pub fn until(from: Timestamp, until: Option<Timestamp>) -> Self {
        let until = until.unwrap_or(Timestamp::MAX);
        Self { from, until }
    }

    /// The same, from so much earlier on. Requests carry the time at which they
    /// came in, so one that came first may ask later than one that came second.
    #[must_use]
    pub fn begun_earlier(self, by: SignedDuration) -> Self {
        let from = self.from.saturating_sub(by).unwrap_or(Timestamp::MIN);
        Self { from, ..self }
    }

    /// Whether it holds at `now`.
    pub fn holds(&self, now: Timestamp) -> bool {
        self.from <= now && (now < self.until || self.until == Timestamp::MAX)
    }
}

/// A bounded map for many threads.
///
/// It is split into shards by the key's hash, each under a lock of its own that
/// is held for one look-up and never while waiting. Each shard holds its part of
/// the limit, and forgets its own least recently used entry first.
pub struct BoundedMemory<K, V> {
    shards: Box<[Mutex<Shard<K, V>>]>,
    hasher: RandomState,
    /// Of one shard, in bytes.
    limit: usize,
}

struct Shard<K, V> {
    /// The least recently used in front.
    entries: LinkedHashMap<K, Entry<V>, RandomState>,
    bytes: usize,
    /// Most entries since room was last given back.
    peak_entries: usize,
}

struct Entry<V> {
    value: V,
    validity: Validity,
    /// In bytes, with its key.
    weight: usize,
}

/// The result of [`BoundedMemory::get_or_insert`].
#[derive(Debug, PartialEq, Eq)]
pub enum GetOrInsert<K, V> {
    /// An entry that holds exists already.
    Existing(V),
    /// The entry was inserted and evicted these.
    Inserted(Vec<(K, V)>),
}

impl<K: Clone + Eq + Hash + HeapSize, V: Clone + HeapSize> BoundedMemory<K, V> {
    /// An empty memory of `limit` bytes at most, keys, values and the map's own
    /// share together. An entry that is heavier than a shard (1 MiB, or a small
    /// memory's whole limit) is not taken.
    pub fn new(limit: u64) -> Self {
        Self::with_largest(limit, MIN_SHARD_BYTES)
    }

    /// The same for entries that weigh up to `largest` bytes each, in fewer shards.
    pub fn with_largest(limit: u64, largest: u64) -> Self {
        let count = (limit / largest.max(MIN_SHARD_BYTES)).clamp(1, MAX_SHARDS);
        let count = 1 << count.ilog2();
        let hasher = RandomState::new();
        let shards = (0..count).map(|_| Mutex::new(Shard::new(hasher.clone())));
        Self {
            shards: shards.collect(),
            limit: usize::try_from(limit / count).unwrap_or(usize::MAX),
            hasher,
        }
    }

    /// The value, if it holds at `now`; it then is the most recently used one.
    /// A borrowed form of the key must hash like it.
    pub fn get<Q>(&self, key: &Q, now: Timestamp) -> Option<V>
    where
        Q: Hash + PartialEq<K> + ?Sized,
    {
        let (hash, mut shard) = self.shard(key);
        let holds = |entry: &Entry<V>| entry.validity.holds(now);
        shard.used(hash, |it| key == it, holds)
    }

    /// The value whatever its time, where an old one is better than none.
    pub fn last<Q>(&self, key: &Q) -> Option<V>
    where
        Q: Hash + PartialEq<K> + ?Sized,
    {
        let (hash, mut shard) = self.shard(key);
        shard.used(hash, |it| key == it, |_| true)
    }

    /// Inserts or replaces. Returns what that pushed out: the entry's
    /// predecessor, those least recently used, or itself where it is too heavy.
    pub fn insert(&self, key: K, value: V, validity: Validity) -> Vec<(K, V)> {
        let (hash, mut shard) = self.shard(&key);
        shard.insert(hash, key, Entry::new(value, validity), self.limit)
    }

    /// Inserts unless a value holds at `now` that `suits`: one step, so that of
    /// two who come at once one is the first.
    pub fn get_or_insert(
        &self,
        key: K,
        value: V,
        validity: Validity,
        now: Timestamp,
        suits: impl Fn(&V) -> bool,
    ) -> GetOrInsert<K, V> {
        let (hash, mut shard) = self.shard(&key);
        let holds = |entry: &Entry<V>| entry.validity.holds(now) && suits(&entry.value);
        match shard.used(hash, |it| key == *it, holds) {
            Some(before) => GetOrInsert::Existing(before),
            None => {
                let entry = Entry::new(value, validity);
                GetOrInsert::Inserted(shard.insert(hash, key, entry, self.limit))
            }
        }
    }

    /// Forgets one entry, and returns its value.
    pub fn remove<Q>(&self, key: &Q) -> Option<V>
    where
        Q: Hash + PartialEq<K> + ?Sized,
    {
        let (hash, mut shard) = self.shard(key);
        shard.remove(hash, |it| key == it).map(|(_, value)| value)
    }

    /// Forgets all that does not hold at `now`, and returns it.
    pub fn remove_expired(&self, now: Timestamp) -> Vec<(K, V)> {
        self.remove_where(|validity| !validity.holds(now))
    }

    /// Forgets everything, and returns it.
    pub fn clear(&self) -> Vec<(K, V)> {
        self.remove_where(|_| true)
    }

    fn remove_where(&self, is_over: impl Fn(&Validity) -> bool) -> Vec<(K, V)> {
        let mut removed = Vec::new();
        for shard in &self.shards {
            lock(shard).remove_where(&is_over, &mut removed);
        }
        removed
    }

    /// Looks at every entry, shard by shard, without using it.
    pub fn for_each(&self, mut look: impl FnMut(&K, &V)) {
        for shard in &self.shards {
            for (key, entry) in &lock(shard).entries {
                look(key, &entry.value);
            }
        }
    }

    /// What all entries weigh, in bytes.
    pub fn bytes(&self) -> u64 {
        let weights = self.shards.iter().map(|shard| lock(shard).bytes as u64);
        weights.sum()
    }

    /// The key's hash and its shard. The table takes the hash's lowest and highest bits,
    /// so the bits between choose the shard.
    fn shard<Q: Hash + ?Sized>(&self, key: &Q) -> (u64, MutexGuard<'_, Shard<K, V>>) {
        let hash = self.hasher.hash_one(key);
        let middle = usize::try_from((hash >> 32) & 0xffff).unwrap_or_default();
        (hash, lock(&self.shards[middle % self.shards.len()]))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<V> Entry<V> {
    fn new(value: V, validity: Validity) -> Self {
        Self {
            value,
            validity,
            weight: 0,
        }
    }
}

impl<K: Clone + Eq + Hash + HeapSize, V: Clone + HeapSize> Shard<K, V> {
    fn new(hasher: RandomState) -> Self {
        Self {
            entries: LinkedHashMap::with_hasher(hasher),
            bytes: 0,
            peak_entries: 0,
        }
    }

    fn used(
        &mut self,
        hash: u64,
        is_key: impl Fn(&K) -> bool,
        holds: impl Fn(&Entry<V>) -> bool,
    ) -> Option<V> {
        match self.entries.raw_entry_mut().from_hash(hash, is_key) {
            RawEntryMut::Occupied(mut found) if holds(found.get()) => {
                found.to_back();
                Some(found.get().value.clone())
            }
            _ => None,
        }
    }

    fn insert(&mut self, hash: u64, key: K, mut entry: Entry<V>, limit: usize) -> Vec<(K, V)> {
        let own = size_of::<K>() + size_of::<Entry<V>>() + ENTRY_OVERHEAD_BYTES;
        entry.weight = own + key.heap_size() + entry.value.heap_size();
        let mut out: Vec<_> = self.remove(hash, |it| key == *it).into_iter().collect();
        if entry.weight > limit {
            out.push((key, entry.value));
            return out;
        }
        while self.bytes + entry.weight > limit
            && let Some((oldest, gone)) = self.entries.pop_front()
        {
            self.bytes -= gone.weight;
            out.push((oldest, gone.value));
        }
        self.bytes += entry.weight;
        self.entries.insert(key, entry);
        self.give_back();
        out
    }

    fn remove(&mut self, hash: u64, is_key: impl Fn(&K) -> bool) -> Option<(K, V)> {
        match self.entries.raw_entry_mut().from_hash(hash, is_key) {
            RawEntryMut::Occupied(found) => {
                let (key, gone) = found.remove_entry();
                self.bytes -= gone.weight;
                Some((key, gone.value))
            }
            RawEntryMut::Vacant(_) => None,
        }
    }

    fn remove_where(&mut self, is_over: impl Fn(&Validity) -> bool, removed: &mut Vec<(K, V)>) {
        let entries = self.entries.iter();
        let over = entries.filter(|(_, entry)| is_over(&entry.validity));
        let over: Vec<K> = over.map(|(key, _)| key.clone()).collect();
        for key in over {
            if let Some((key, gone)) = self.entries.remove_entry(&key) {
                self.bytes -= gone.weight;
                removed.push((key, gone.value));
            }
        }
        self.give_back();
    }

    /// The map keeps the room of what was removed for what comes. Once that is
    /// more than half of it, it is given back: each time for as many entries as
    /// were removed meanwhile.
    fn give_back(&mut self) {
        self.peak_entries = self.peak_entries.max(self.entries.len());
        if self.peak_entries / 2 > self.entries.len() + 16 {
            self.entries.shrink_to_fit();
            self.peak_entries = self.entries.len();
        }
    }
}

#[cfg(test)]
mod tests;
