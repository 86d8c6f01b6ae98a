//! The heap size of values.

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;

use crate::oci::{Digest, MediaType, Reference, RegistryHost, Repository, RepositoryName, Tag};

/// What an allocation costs beside its bytes: the allocator's rounding up, and
/// the two counters of an `Arc`.
const ALLOCATION_OVERHEAD_BYTES: usize = 24;

/// The bytes on the heap that a value holds.
///
/// What is shared (`Arc`) counts for each holder: an upper bound, since the
/// others may let go first.
pub trait HeapSize {
    /// In bytes, without `size_of::<Self>()`.
    fn heap_size(&self) -> usize {
        0
    }
}

fn text(length: usize) -> usize {
    if length == 0 {
        0
    } else {
        length + ALLOCATION_OVERHEAD_BYTES
    }
}

impl HeapSize for () {}
impl HeapSize for Timestamp {}

impl HeapSize for str {
    fn heap_size(&self) -> usize {
        text(self.len())
    }
}

impl HeapSize for String {
    fn heap_size(&self) -> usize {
        text(self.capacity())
    }
}

impl HeapSize for Arc<str> {
    fn heap_size(&self) -> usize {
        text(self.len())
    }
}

impl HeapSize for Bytes {
    fn heap_size(&self) -> usize {
        text(self.len())
    }
}

impl<T: HeapSize> HeapSize for Arc<T> {
    fn heap_size(&self) -> usize {
        size_of::<T>() + ALLOCATION_OVERHEAD_BYTES + T::heap_size(self)
    }
}

impl<T: HeapSize> HeapSize for Option<T> {
    fn heap_size(&self) -> usize {
        self.as_ref().map_or(0, T::heap_size)
    }
}

impl<T: HeapSize> HeapSize for [T] {
    fn heap_size(&self) -> usize {
        let items = self.iter().map(|item| size_of::<T>() + item.heap_size());
        text(items.sum())
    }
}

impl<T: HeapSize> HeapSize for Arc<[T]> {
    fn heap_size(&self) -> usize {
        <[T]>::heap_size(self)
    }
}

impl<T: HeapSize> HeapSize for Box<[T]> {
    fn heap_size(&self) -> usize {
        self.as_ref().heap_size()
    }
}

impl<T: HeapSize> HeapSize for Vec<T> {
    fn heap_size(&self) -> usize {
        let unused = self.capacity() - self.len();
        self.as_slice().heap_size() + unused * size_of::<T>()
    }
}

impl<A: HeapSize, B: HeapSize> HeapSize for (A, B) {
    fn heap_size(&self) -> usize {
        self.0.heap_size() + self.1.heap_size()
    }
}

impl<A: HeapSize, B: HeapSize, C: HeapSize> HeapSize for (A, B, C) {
    fn heap_size(&self) -> usize {
        self.0.heap_size() + self.1.heap_size() + self.2.heap_size()
    }
}

impl HeapSize for Digest {
    fn heap_size(&self) -> usize {
        match self {
            Self::Sha256(_) => 0,
            Self::Sha512(bytes) => text(bytes.len()),
        }
    }
}

impl HeapSize for RegistryHost {
    fn heap_size(&self) -> usize {
        self.as_str().heap_size()
    }
}

impl HeapSize for RepositoryName {
    fn heap_size(&self) -> usize {
        self.as_str().heap_size()
    }
}

impl HeapSize for Repository {
    fn heap_size(&self) -> usize {
        self.host().heap_size() + self.name().heap_size()
    }
}

impl HeapSize for Tag {
    fn heap_size(&self) -> usize {
        self.as_str().heap_size()
    }
}

impl HeapSize for Reference {
    fn heap_size(&self) -> usize {
        match self {
            Self::Tag(tag) => tag.heap_size(),
            Self::Digest(digest) => digest.heap_size(),
        }
    }
}

impl HeapSize for MediaType {
    fn heap_size(&self) -> usize {
        self.as_str().heap_size()
    }
}
