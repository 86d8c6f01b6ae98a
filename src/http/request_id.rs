//! Request ids, to find a request's lines in the log.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::random;

/// The name of one request: a random prefix and a running number. No secret, and no
/// proof of anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct RequestId {
    prefix: u32,
    number: u64,
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}-{:x}", self.prefix, self.number)
    }
}

/// Hands out the ids of one stack. The prefix tells stacks and processes apart.
pub(super) struct RequestIds {
    prefix: u32,
    next: AtomicU64,
}

impl RequestIds {
    pub(super) fn new() -> Self {
        Self {
            prefix: u32::from_ne_bytes(random::bytes()),
            next: AtomicU64::new(1),
        }
    }

    pub(super) fn issue(&self) -> RequestId {
        RequestId {
            prefix: self.prefix,
            number: self.next.fetch_add(1, Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_repeats() {
        let ids = RequestIds::new();
        let (first, second) = (ids.issue(), ids.issue());
        assert_ne!(first.to_string(), second.to_string());
        assert_eq!(first.to_string().len(), "00000000-1".len());
    }
}
