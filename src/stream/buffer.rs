//! Buffers that return to a small pool when the last reader lets go of them,
//! so that a large blob costs neither an allocation nor a clearing per chunk.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;

/// Length of a pooled buffer, and so of the largest chunk.
pub(super) const CHUNK: usize = 128 * 1024;

/// Below this a buffer of its own is cheaper than a pooled one held captive.
const SMALL: usize = 16 * 1024;

/// At most 8 MiB stay in the pool.
const KEPT: usize = 64;

static POOL: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

/// Memory to read into, of which the first `filled` bytes will be handed out.
pub(super) struct Buffer {
    memory: Vec<u8>,
    filled: usize,
}

impl Buffer {
    /// A buffer with room for `length` bytes, at most [`CHUNK`].
    pub(super) fn with_room(length: usize) -> Self {
        let length = length.min(CHUNK);
        let memory = if length < SMALL {
            vec![0; length]
        } else {
            pool().pop().unwrap_or_else(|| vec![0; CHUNK])
        };
        Self {
            memory,
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
        if self.memory.len() != CHUNK {
            return;
        }
        let mut pool = pool();
        if pool.len() < KEPT {
            pool.push(std::mem::take(&mut self.memory));
        }
    }
}

fn pool() -> std::sync::MutexGuard<'static, Vec<Vec<u8>>> {
    POOL.lock().unwrap_or_else(PoisonError::into_inner)
}
