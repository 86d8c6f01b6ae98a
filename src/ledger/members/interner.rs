//! Values to small numbers: each is kept once, and four bytes stand for it.

use std::hash::Hash;

use ahash::RandomState;
use hashbrown::HashTable;

/// Values that lie together. A list that grows never moves more than these.
const SEGMENT_LENGTH: usize = 1 << 12;
/// Tables that numbers are spread over, so that growing one of them takes a moment only.
const TABLE_COUNT: usize = 64;

/// A list that only grows, in parts: it neither moves what it holds nor reserves as much
/// again.
pub(super) struct Segments<T> {
    parts: Vec<Vec<T>>,
}

impl<T> Default for Segments<T> {
    fn default() -> Self {
        Self { parts: Vec::new() }
    }
}

impl<T> Segments<T> {
    pub fn len(&self) -> usize {
        match self.parts.split_last() {
            Some((last, full)) => full.len() * SEGMENT_LENGTH + last.len(),
            None => 0,
        }
    }

    pub fn get(&self, at: u32) -> Option<&T> {
        let at = at as usize;
        self.parts
            .get(at / SEGMENT_LENGTH)?
            .get(at % SEGMENT_LENGTH)
    }

    pub fn get_mut(&mut self, at: u32) -> Option<&mut T> {
        let at = at as usize;
        let part = self.parts.get_mut(at / SEGMENT_LENGTH)?;
        part.get_mut(at % SEGMENT_LENGTH)
    }

    /// Adds `value`: its place.
    ///
    /// # Panics
    /// Beyond four thousand million values, which fill memory long before.
    #[expect(clippy::expect_used, reason = "memory ends first")]
    pub fn push(&mut self, value: T) -> u32 {
        let at = u32::try_from(self.len()).expect("fewer values than fill memory");
        match self.parts.last_mut() {
            Some(last) if last.len() < SEGMENT_LENGTH => last.push(value),
            // The first part grows as it is needed: most lists stay short.
            None => self.parts.push(vec![value]),
            Some(_) => {
                let mut part = Vec::with_capacity(SEGMENT_LENGTH);
                part.push(value);
                self.parts.push(part);
            }
        }
        at
    }
}

/// Values by number, and the number of a value.
pub(super) struct Interner<T> {
    values: Segments<T>,
    tables: Vec<HashTable<u32>>,
    hasher: RandomState,
}

impl<T> Default for Interner<T> {
    fn default() -> Self {
        Self {
            values: Segments::default(),
            tables: Vec::new(),
            hasher: RandomState::new(),
        }
    }
}

impl<T: Clone + Eq + Hash> Interner<T> {
    pub fn find(&self, value: &T) -> Option<u32> {
        let hash = self.hasher.hash_one(value);
        let is_it = |at: &u32| self.values.get(*at).is_some_and(|kept| value == kept);
        self.tables.get(table_of(hash))?.find(hash, is_it).copied()
    }

    pub fn get(&self, at: u32) -> Option<&T> {
        self.values.get(at)
    }

    /// The number of `value`, which is kept from now on.
    pub fn intern(&mut self, value: &T) -> u32 {
        if let Some(at) = self.find(value) {
            return at;
        }
        let at = self.values.push(value.clone());
        if self.tables.is_empty() {
            self.tables.resize_with(TABLE_COUNT, HashTable::new);
        }
        let (values, hasher) = (&self.values, &self.hasher);
        let hash = hasher.hash_one(value);
        let hash_of = |at: &u32| values.get(*at).map_or(0, |kept| hasher.hash_one(kept));
        if let Some(table) = self.tables.get_mut(table_of(hash)) {
            table.insert_unique(hash, at, hash_of);
        }
        at
    }
}

/// By bits that the table itself looks at last.
fn table_of(hash: u64) -> usize {
    usize::try_from((hash >> 40) % TABLE_COUNT as u64).unwrap_or_default()
}
