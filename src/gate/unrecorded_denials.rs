//! Denials of images of which the ledger holds no closure: so that one that is asked for
//! again and again is not judged each time.
//!
//! The ledger's index cannot say when such a verdict ends, since it does not know what lies
//! below the image. So one answers only while nothing at all has changed: no change of the
//! ledger's has come, and nothing new was seen of what no ledger holds.

use std::sync::Arc;

use super::pull::Question;
use crate::memory::{BoundedMemory, HeapSize};
use crate::trust::{CachedVerdict, Exposure, Subject, Verdict};

/// Bytes of such denials at most: some 10,000.
const MAX_BYTES: u64 = 16 << 20;

/// How far things are known: two that are equal know the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KnownUpTo {
    /// The newest change of the ledger.
    pub(super) seq: u64,
    /// What was seen of images that are not recorded, and of what tags attach, so often.
    pub(super) seen: u64,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct DeniedKey {
    subject: Subject,
    exposure: Exposure,
}

#[derive(Clone)]
struct KnownDenial {
    cached: Arc<CachedVerdict>,
    rests_on: KnownUpTo,
}

impl HeapSize for DeniedKey {
    fn heap_size(&self) -> usize {
        self.subject.heap_size()
    }
}

impl HeapSize for KnownDenial {
    fn heap_size(&self) -> usize {
        self.cached.heap_size()
    }
}

/// The denials, and what each rests on.
pub(super) struct UnrecordedDenials(BoundedMemory<DeniedKey, KnownDenial>);

impl UnrecordedDenials {
    pub(super) fn new() -> Self {
        Self(BoundedMemory::new(MAX_BYTES))
    }

    /// The denial, if nothing has changed since. Whether its rulebook is the one in force,
    /// the caller sees.
    pub(super) fn get(
        &self,
        question: Question<'_>,
        known: KnownUpTo,
    ) -> Option<Arc<CachedVerdict>> {
        let found = self.0.get(&key(question), question.now)?;
        (found.rests_on == known).then_some(found.cached)
    }

    /// Remembers a denial that rests on all that was known before its evidence was read;
    /// `None`: what that was cannot be told.
    pub(super) fn note(
        &self,
        question: Question<'_>,
        verdict: &Arc<Verdict>,
        rests_on: Option<KnownUpTo>,
    ) {
        let Some(rests_on) = rests_on.filter(|_| !verdict.is_allowed()) else {
            return;
        };
        let cached = CachedVerdict {
            verdict: verdict.clone(),
            seq: rests_on.seq,
            judged_at: question.now,
        };
        let validity = cached.validity();
        let cached = Arc::new(cached);
        let denial = KnownDenial { cached, rests_on };
        self.0.insert(key(question), denial, validity);
    }
}

fn key(question: Question<'_>) -> DeniedKey {
    DeniedKey {
        subject: question.subject.clone(),
        exposure: question.bare_exposure(),
    }
}
