//! Which images were denied in the last hour, for the gauge that alerts watch.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::open_denials::{DenialKey, DeniedImage};
use crate::memory::{BoundedMemory, Validity};
use crate::oci::ImageRef;
use crate::trust::{Decision, DenialReason, EnvironmentName, Subject};

/// An image counts for this long after it was last denied.
const COUNTED_FOR: SignedDuration = SignedDuration::from_hours(1);

type Key = (EnvironmentName, DenialReason, DeniedImage);

/// Distinct images by environment and reason. Beyond the limit the least recently
/// denied ones are not counted.
pub(in crate::gate) struct DeniedImages(BoundedMemory<Key, ()>);

impl DeniedImages {
    /// None; at most `limit` bytes of them.
    pub(in crate::gate) fn new(limit: u64) -> Self {
        Self(BoundedMemory::new(limit))
    }

    pub(in crate::gate) fn note(
        &self,
        environment: &EnvironmentName,
        denied: &DenialKey,
        now: Timestamp,
    ) {
        let key = (environment.clone(), denied.reason, denied.what.clone());
        self.insert(key, now);
    }

    /// The same, from the record of a denial.
    pub(in crate::gate) fn remember(&self, denied: &Decision) {
        let Some(reason) = denied.reasons.first() else {
            return;
        };
        let host = denied.upstream.as_ref();
        let image = host.and_then(|host| ImageRef::parse(&denied.image, host).ok());
        let what = match (image, &denied.digest) {
            (Some(image), Some(digest)) => {
                DeniedImage::Image(image.repository().clone(), digest.clone())
            }
            _ => DeniedImage::Name(denied.image.clone()),
        };
        self.insert((denied.environment.clone(), *reason, what), denied.time);
    }

    /// What was denied and has a digest.
    pub(in crate::gate) fn subjects(&self) -> Vec<Subject> {
        let mut subjects = Vec::new();
        self.0.for_each(|(environment, _, what), ()| {
            if let DeniedImage::Image(repository, digest) = what {
                subjects.push(Subject {
                    environment: environment.clone(),
                    repository: repository.clone(),
                    digest: digest.clone(),
                });
            }
        });
        subjects
    }

    /// It would be let through by now.
    pub(in crate::gate) fn lift(&self, subject: &Subject) {
        let image = DeniedImage::Image(subject.repository.clone(), subject.digest.clone());
        for reason in DenialReason::ALL {
            let key = (subject.environment.clone(), reason, image.clone());
            self.0.remove(&key);
        }
    }

    fn insert(&self, key: Key, now: Timestamp) {
        self.0.insert(key, (), Validity::lasting(now, COUNTED_FOR));
    }

    pub(in crate::gate) fn remove_expired(&self, now: Timestamp) {
        self.0.remove_expired(now);
    }

    pub(in crate::gate) fn counts(&self) -> BTreeMap<(EnvironmentName, DenialReason), i64> {
        let mut counts = BTreeMap::new();
        self.0.for_each(|(environment, reason, _), ()| {
            *counts.entry((environment.clone(), *reason)).or_default() += 1;
        });
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn named(name: String) -> Key {
        let environment = EnvironmentName::parse("production").unwrap();
        let what = DeniedImage::Name(name);
        (environment, DenialReason::UnknownUpstream, what)
    }

    fn count(images: &DeniedImages) -> i64 {
        images.counts().values().sum()
    }

    #[test]
    fn an_image_counts_once_and_for_an_hour() {
        let images = DeniedImages::new(1 << 20);
        images.insert(named("one".to_owned()), at(0));
        images.insert(named("one".to_owned()), at(10));
        images.insert(named("other".to_owned()), at(0));
        assert_eq!(count(&images), 2);
        images.remove_expired(at(3600));
        assert_eq!(count(&images), 1);
        images.remove_expired(at(9));
        assert_eq!(count(&images), 0, "not yet denied");
    }

    #[test]
    fn long_names_are_bounded_in_bytes_and_the_oldest_go() {
        const LIMIT: u64 = 64 << 10;
        let images = DeniedImages::new(LIMIT);
        for number in 0..500 {
            images.insert(named(format!("{number}{}", "x".repeat(300))), at(number));
            assert!(images.0.bytes() <= LIMIT);
        }
        let kept = count(&images);
        images.remove_expired(at(3600 + 499 - kept));
        assert_eq!(count(&images), kept, "the newest are kept");
    }
}
