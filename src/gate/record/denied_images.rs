//! Which images were denied in the last hour, for the gauge that alerts watch.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::{SignedDuration, Timestamp};

use super::open_denials::{DenialKey, DeniedImage};
use crate::memory::{BoundedMemory, HeapSize, Validity};
use crate::oci::ImageRef;
use crate::trust::{Decision, DenialReason, EnvironmentName, Subject};

/// An image counts for this long after it was last denied.
const COUNTED_FOR: SignedDuration = SignedDuration::from_hours(1);

type Key = (EnvironmentName, DeniedImage);

/// Distinct images by environment, each with the reason of its last denial. Beyond the limit
/// the least recently denied ones are not counted.
pub(in crate::gate) struct DeniedImages(BoundedMemory<Key, Arc<LastDenial>>);

/// Why an image was last denied.
struct LastDenial {
    reason: DenialReason,
    /// It would be let through by now. What lifted it may end, so it is not forgotten.
    lifted: AtomicBool,
}

impl HeapSize for LastDenial {}

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
        let key = (environment.clone(), denied.what.clone());
        self.insert(key, denied.reason, now);
    }

    /// The same, from the record of a denial, unless a later one is known.
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
        let key = (denied.environment.clone(), what);
        if self.0.last(&key).is_none() {
            self.insert(key, *reason, denied.time);
        }
    }

    /// What was denied and has a digest.
    pub(in crate::gate) fn subjects(&self) -> Vec<Subject> {
        let mut subjects = Vec::new();
        self.0.for_each(|(environment, what), _| {
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

    /// Whether it would be let through by now: then it does not count.
    pub(in crate::gate) fn rejudged(&self, subject: &Subject, allowed: bool) {
        let image = DeniedImage::Image(subject.repository.clone(), subject.digest.clone());
        if let Some(denial) = self.0.last(&(subject.environment.clone(), image)) {
            denial.lifted.store(allowed, Ordering::Relaxed);
        }
    }

    fn insert(&self, key: Key, reason: DenialReason, now: Timestamp) {
        let validity = Validity::lasting(now, COUNTED_FOR);
        let lifted = AtomicBool::new(false);
        self.0
            .insert(key, Arc::new(LastDenial { reason, lifted }), validity);
    }

    pub(in crate::gate) fn remove_expired(&self, now: Timestamp) {
        self.0.remove_expired(now);
    }

    pub(in crate::gate) fn counts(&self) -> BTreeMap<(EnvironmentName, DenialReason), i64> {
        let mut counts = BTreeMap::new();
        self.0.for_each(|(environment, _), denial| {
            if !denial.lifted.load(Ordering::Relaxed) {
                *counts
                    .entry((environment.clone(), denial.reason))
                    .or_default() += 1;
            }
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
        (environment, what)
    }

    fn count(images: &DeniedImages) -> i64 {
        images.counts().values().sum()
    }

    #[test]
    fn an_image_counts_once_and_for_an_hour() {
        let images = DeniedImages::new(1 << 20);
        let deny = |name: &str, reason, second| {
            images.insert(named(name.to_owned()), reason, at(second));
        };
        deny("one", DenialReason::TooSevere, 0);
        deny("one", DenialReason::Revoked, 10);
        deny("other", DenialReason::Revoked, 0);
        let reasons: Vec<_> = images.counts().into_keys().map(|(_, it)| it).collect();
        assert_eq!(reasons, [DenialReason::Revoked], "that of the last denial");
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
            let key = named(format!("{number}{}", "x".repeat(300)));
            images.insert(key, DenialReason::UnknownUpstream, at(number));
            assert!(images.0.bytes() <= LIMIT);
        }
        let kept = count(&images);
        images.remove_expired(at(3600 + 499 - kept));
        assert_eq!(count(&images), kept, "the newest are kept");
    }
}
