//! Buffers that return to a small pool when dropped, so that a large blob costs no
//! allocation and no zeroing per chunk.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;

/// Length of a pooled buffer, and so of the largest chunk.
pub(super) const CHUNK_BYTES: usize = 128 * 1024;

/// The smallest length in bytes that takes a pooled buffer.
const MIN_POOLED_BYTES: usize = 16 * 1024;

/// Buffers in the pool, at most: 8 MiB.
const MAX_POOLED_BUFFERS: usize = 64;

static POOL: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

/// Memory to read into, of which the first `filled` bytes will be handed out.
pub(super) struct Buffer {
    memory: Vec<u8>,
    filled: usize,
}

impl Buffer {
    /// A buffer with room for `length` bytes, at most [`CHUNK_BYTES`].
    pub(super) fn with_room(length: usize) -> Self {
        let length = length.min(CHUNK_BYTES);
        let memory = if length < MIN_POOLED_BYTES {
            vec![0; length]
        } else {
            pool().pop().unwrap_or_else(|| vec![0; CHUNK_BYTES])
        };
        Self {
            memory,
            filled: length,
        }
    }

    /// A buffer of exactly `length` bytes, for what is kept: one of the pool may be larger.
    pub(super) fn of_its_own(length: usize) -> Self {
        Self {
            memory: vec![0; length],
            filled: length,
        }
    }

    /// The room to read into.
    pub(super) fn room(&mut self) -> &mut [u8] {
        &mut self.memory[..self.filled]
    }

    /// Hands out the first `length` bytes of the room.
    pub(super) fn into_bytes(mut self, length: usize) -> Bytes {
        self.filled = self.filled.min(length);
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.memory[..self.filled]
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if self.memory.len() != CHUNK_BYTES {
            return;
        }
        let mut pool = pool();
        if pool.len() < MAX_POOLED_BUFFERS {
            pool.push(std::mem::take(&mut self.memory));
        }
    }
}

fn pool() -> std::sync::MutexGuard<'static, Vec<Vec<u8>>> {
    POOL.lock().unwrap_or_else(PoisonError::into_inner)
}
