//! What an upstream failed to deliver, so that it is not asked again for each client.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use crate::memory::{BoundedMemory, Validity};
use crate::oci::{Digest, Repository};
use crate::upstream::UpstreamError;

/// Bytes of failures that are remembered: about 15,000.
const MAX_BYTES: u64 = 4 << 20;

type Key = (Repository, Digest);

/// Failures by repository and digest: one says nothing of another repository.
pub(super) struct Failures(BoundedMemory<Key, UpstreamError>);

/// When a question was asked.
#[derive(Clone, Copy)]
pub(super) struct AskedAt {
    now: Timestamp,
    begun: Instant,
}

impl AskedAt {
    /// A question of a request of `now` that is asked at this moment.
    pub(super) fn begin(now: Timestamp) -> Self {
        let begun = Instant::now();
        Self { now, begun }
    }
}

impl Failures {
    pub(super) fn new() -> Self {
        Self(BoundedMemory::new(MAX_BYTES))
    }

    pub(super) fn get(&self, key: &Key, now: Timestamp) -> Option<UpstreamError> {
        self.0.get(key, now)
    }

    /// Remembers a failure for a while from when it came, however long that took; never
    /// for longer than a tag.
    pub(super) fn note(
        &self,
        key: &Key,
        error: &UpstreamError,
        asked: AskedAt,
        tag_ttl: SignedDuration,
    ) {
        let tag_ttl = Duration::try_from(tag_ttl).unwrap_or_default();
        let lifetime = error.remembered_for().min(tag_ttl);
        if lifetime.is_zero() {
            return;
        }
        let lifetime = SignedDuration::try_from(lifetime + asked.begun.elapsed());
        let validity = Validity::lasting(asked.now, lifetime.unwrap_or(SignedDuration::ZERO));
        self.0.insert(key.clone(), error.clone(), validity);
    }

    pub(super) fn forget(&self, key: &Key) {
        self.0.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn key(name: &str) -> Key {
        let repository = Repository::parse(name).unwrap();
        (repository, Digest::sha256(b"x"))
    }

    #[test]
    fn a_failure_holds_for_a_while_in_its_own_repository() {
        let (failures, own) = (Failures::new(), key("registry.corp/team/app"));
        let ttl = SignedDuration::from_secs(60);
        let failure = UpstreamError::TooLarge { limit: 1 };
        failures.note(&own, &failure, AskedAt::begin(at(0)), ttl);
        for (second, holds) in [(0, true), (9, true), (12, false)] {
            assert_eq!(failures.get(&own, at(second)).is_some(), holds, "{second}");
        }
        for other in ["registry.corp/team/other", "other.corp/team/app"] {
            assert_eq!(failures.get(&key(other), at(0)), None);
        }
    }

    #[test]
    fn nothing_is_remembered_where_no_tag_is() {
        let (failures, own) = (Failures::new(), key("registry.corp/team/app"));
        let asked = AskedAt::begin(at(0));
        failures.note(&own, &UpstreamError::Forbidden, asked, SignedDuration::ZERO);
        assert_eq!(failures.get(&own, at(0)), None);
    }

    #[test]
    fn failures_are_bounded_in_bytes() {
        let (failures, asked) = (Failures::new(), AskedAt::begin(at(0)));
        let ttl = SignedDuration::from_secs(60);
        for number in 0..50_000_u32 {
            let (repository, _) = key("registry.corp/team/app");
            let key = (repository, Digest::sha256(&number.to_be_bytes()));
            failures.note(&key, &UpstreamError::Forbidden, asked, ttl);
        }
        assert!(failures.0.bytes() <= MAX_BYTES);
    }
}
