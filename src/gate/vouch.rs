//! Upstreams that vouch: is the digest still there (rule 9)?

use dashmap::DashMap;
use jiff::Timestamp;

use super::evidence::Sources;
use super::question::Question;
use crate::flight::Flights;
use crate::oci::{Digest, Reference, Repository};
use crate::upstream::UpstreamError;

/// Digests remembered at most.
const REMEMBERED: usize = 100_000;

type Key = (Repository, Digest);

/// When an upstream was last seen to hold a digest, and until when that counts.
#[derive(Default)]
pub(super) struct Vouched {
    until: DashMap<Key, Timestamp>,
    /// Questions under way: one for all who wait for its answer.
    asked: Flights<Key, Result<(), UpstreamError>>,
}

impl Sources {
    /// Until when the upstream's word on the subject counts: it was seen to hold
    /// it within `tag_ttl`. That ends with a 404, and not with an outage.
    pub(super) async fn vouched_until(
        &self,
        question: Question<'_>,
        served_before: bool,
    ) -> Option<Timestamp> {
        let subject = question.subject;
        let host = subject.repository.host();
        question
            .rulebook
            .vouching(host, &subject.environment, question.now)?;
        let key = (subject.repository.clone(), subject.digest.clone());
        let last = self.vouched.until.get(&key).map(|until| *until);
        if let Some(until) = last.filter(|until| question.now < *until) {
            return Some(until);
        }
        self.ask_voucher(question, key, last.is_some() || served_before)
            .await
    }

    async fn ask_voucher(
        &self,
        question: Question<'_>,
        key: Key,
        seen_before: bool,
    ) -> Option<Timestamp> {
        let reachable = self.upstreams.get(key.0.host())?;
        let until = question.now.checked_add(reachable.tag_ttl).ok()?;
        let upstream = reachable.upstream.clone();
        let (name, reference) = (key.0.name().clone(), Reference::Digest(key.1.clone()));
        let ask = || async move {
            let found = upstream.head_manifest(&name, &reference).await;
            found.map(drop)
        };
        match self.vouched.asked.join(&key, ask).await {
            Ok(()) => {}
            Err(UpstreamError::NotFound) => {
                self.vouched.until.remove(&key);
                return None;
            }
            Err(_) if seen_before => {}
            Err(_) => return None,
        }
        if self.vouched.until.len() < REMEMBERED {
            self.vouched.until.insert(key, until);
        }
        Some(until)
    }
}
