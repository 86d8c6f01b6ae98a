//! Vouching (rule 9): whether an upstream still has a digest.
//!
//! The upstream is asked by HEAD, and its answer counts for `tag_ttl`. An outage
//! (no answer, 5xx, 429) prolongs what it said before, up to a bound; any other
//! answer ends it, until the upstream is asked again. Silence is waited for only briefly
//! where there is something to prolong; the question goes on, and its answer counts.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::facts::PullFacts;
use crate::flight::SingleFlight;
use crate::gate::pull::Question;
use crate::gate::upstreams::Upstreams;
use crate::ledger::{FactKind, Ledger, UpstreamSightings};
use crate::memory::{BoundedMemory, HeapSize, Validity};
use crate::oci::{Digest, Reference, Repository};
use crate::tasks::Tasks;
use crate::trust::TimedEvidence;
use crate::upstream::UpstreamError;

/// How long an outage may prolong vouching, from when the upstream was last seen to have
/// the digest: a long weekend.
const MAX_OUTAGE: SignedDuration = SignedDuration::from_hours(72);
/// How long a silent upstream is waited for where it was seen to have the digest.
const KNOWN_DIGEST_TIMEOUT: Duration = Duration::from_millis(500);
/// How long such silence prolongs what it said before, until its answer is looked for
/// again.
const SILENCE_TTL: SignedDuration = SignedDuration::from_secs(2);
/// Bytes of answers remembered at most: about 50,000.
const MAX_ANSWERS_BYTES: u64 = 16 << 20;

type Key = (Repository, Digest);

/// Asks upstreams that vouch, and remembers what they said.
pub(in crate::gate) struct Vouchers {
    ledger: Arc<Ledger>,
    upstreams: Arc<Upstreams>,
    /// What was seen of the upstreams, for the next start and for other replicas.
    facts: Arc<PullFacts>,
    /// Each holds for `tag_ttl` from when the upstream was asked.
    answers: Arc<BoundedMemory<Key, VouchingAnswer>>,
    /// Questions under way: one for all who wait for its answer.
    asked: Arc<SingleFlight<Key, Result<(), UpstreamError>>>,
    /// Where questions go on that nobody waits for any more.
    tasks: Tasks,
}

/// What came of asking an upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct VouchingAnswer {
    /// When it was last seen to hold the digest; `None`: it has denied that since,
    /// or was never seen to.
    seen_at: Option<Timestamp>,
    /// Until when it vouches; `None`: it does not.
    until: Option<Timestamp>,
    /// When it is asked again.
    asked_again: Timestamp,
}

/// What an answer of an upstream's says of a digest.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Now,
    /// It cannot say: what it said before still counts.
    Before,
    /// Not under this digest, or not to us: a 404, 401, 403 or 400, another digest,
    /// or what is no answer by the specification.
    NoMore,
}

impl Seen {
    fn by(asked: &Result<(), UpstreamError>) -> Self {
        match asked {
            Ok(()) => Self::Now,
            Err(
                UpstreamError::Unavailable { .. }
                | UpstreamError::Tls(_)
                | UpstreamError::RateLimited { .. },
            ) => Self::Before,
            Err(
                UpstreamError::NotFound
                | UpstreamError::Unauthorized
                | UpstreamError::Forbidden
                | UpstreamError::RefusedHost { .. }
                | UpstreamError::TooLarge { .. }
                | UpstreamError::DigestMismatch { .. }
                | UpstreamError::UnexpectedStatus(_)
                | UpstreamError::LengthMismatch { .. }
                | UpstreamError::Protocol(_),
            ) => Self::NoMore,
        }
    }
}

impl HeapSize for VouchingAnswer {}

impl VouchingAnswer {
    /// The answer for an upstream that was last seen to have the digest at `seen_at`,
    /// until it is asked again.
    fn given(seen_at: Option<Timestamp>, now: Timestamp, tag_ttl: SignedDuration) -> Self {
        let after = |moment: Timestamp, by| moment.saturating_add(by).unwrap_or(Timestamp::MAX);
        let asked_again = after(now, tag_ttl);
        let until = seen_at.map(|seen| after(seen, MAX_OUTAGE).min(asked_again));
        Self {
            seen_at,
            until: until.filter(|until| now < *until),
            asked_again,
        }
    }

    /// What it says at `now`: the image is held until then, or not before the upstream is
    /// asked again.
    fn held(&self, now: Timestamp) -> TimedEvidence<bool> {
        match self.until.filter(|until| now < *until) {
            Some(until) => TimedEvidence::until(true, until),
            None => TimedEvidence::until(false, self.asked_again),
        }
    }
}

impl Vouchers {
    pub(in crate::gate) fn new(
        ledger: Arc<Ledger>,
        upstreams: Arc<Upstreams>,
        facts: Arc<PullFacts>,
        tasks: Tasks,
    ) -> Self {
        Self {
            ledger,
            upstreams,
            facts,
            answers: Arc::new(answers()),
            asked: Arc::default(),
            tasks,
        }
    }

    /// Whether the upstream holds the subject, as far as it may vouch for it; not asked
    /// otherwise.
    pub(in crate::gate) async fn held(&self, question: Question<'_>) -> TimedEvidence<bool> {
        let answer = self.voucher_answer(question).await;
        answer.map_or_else(TimedEvidence::default, |answer| answer.held(question.now))
    }

    async fn voucher_answer(&self, question: Question<'_>) -> Option<VouchingAnswer> {
        let subject = question.subject;
        let host = subject.repository.host();
        question
            .rulebook
            .vouching(host, &subject.environment, question.now)?;
        let key = (subject.repository.clone(), subject.digest.clone());
        match self.answers.get(&key, question.now) {
            Some(answer) => Some(answer),
            None => self.ask_voucher(question, key).await,
        }
    }

    async fn ask_voucher(&self, question: Question<'_>, key: Key) -> Option<VouchingAnswer> {
        let tag_ttl = self.upstreams.get(key.0.host())?.tag_ttl;
        let before = self.seen_before(question.now, &key).await;
        let told = self.ask_in_background(question, key.clone(), before)?;
        if before.is_none() {
            return told.await.ok();
        }
        match timeout(KNOWN_DIGEST_TIMEOUT, told).await {
            Ok(answer) => answer.ok(),
            Err(_) => {
                let ttl = SILENCE_TTL.min(tag_ttl);
                Some(self.remember(key, before, question.now, ttl))
            }
        }
    }

    /// Asks the upstream, to the end even where nobody waits for it.
    fn ask_in_background(
        &self,
        question: Question<'_>,
        key: Key,
        before: Option<Timestamp>,
    ) -> Option<oneshot::Receiver<VouchingAnswer>> {
        let (now, subject) = (question.now, question.subject.clone());
        let reachable = self.upstreams.get(key.0.host())?;
        let (upstream, tag_ttl) = (reachable.upstream.clone(), reachable.tag_ttl);
        let (answers, questions) = (self.answers.clone(), self.asked.clone());
        let (facts, ledger) = (self.facts.clone(), self.ledger.clone());
        let (tell, told) = oneshot::channel();
        self.tasks.spawn_isolated("asking a voucher", async move {
            let (name, reference) = (key.0.name().clone(), Reference::Digest(key.1.clone()));
            let ask = || async move {
                let found = upstream.head_manifest(&name, &reference).await;
                found.map(drop)
            };
            let seen_at = match Seen::by(&questions.join(&key, ask).await) {
                Seen::Now => {
                    facts.note(FactKind::Held, &subject, now);
                    Some(now)
                }
                Seen::Before => seen_until_outage(&ledger, &key, before).await,
                Seen::NoMore => {
                    // Of what was never held there is nothing to take back.
                    if before.is_some() {
                        facts.note(FactKind::Gone, &subject, now);
                    }
                    None
                }
            };
            let answer = VouchingAnswer::given(seen_at, now, tag_ttl);
            answers.insert(key, answer, Validity::lasting(now, tag_ttl));
            let _ = tell.send(answer);
        });
        Some(told)
    }

    fn remember(
        &self,
        key: Key,
        seen_at: Option<Timestamp>,
        now: Timestamp,
        ttl: SignedDuration,
    ) -> VouchingAnswer {
        let answer = VouchingAnswer::given(seen_at, now, ttl);
        self.answers
            .insert(key, answer, Validity::lasting(now, ttl));
        answer
    }

    /// When the upstream was last seen to hold the digest, before `now`. Where memory
    /// knows nothing, as after a restart: when any gateway on this ledger saw it.
    async fn seen_before(&self, now: Timestamp, key: &Key) -> Option<Timestamp> {
        let seen_at = match self.answers.last(key) {
            Some(answer) => answer.seen_at,
            None => {
                let sightings = sightings(&self.ledger, key).await;
                sightings.held_at.filter(|it| !sightings.is_gone_since(*it))
            }
        };
        seen_at.filter(|seen| *seen <= now)
    }
}

/// What an outage prolongs: nothing, where another gateway on this ledger has seen meanwhile
/// that the digest is gone.
async fn seen_until_outage(
    ledger: &Ledger,
    key: &Key,
    before: Option<Timestamp>,
) -> Option<Timestamp> {
    let before = before?;
    let sightings = sightings(ledger, key).await;
    (!sightings.is_gone_since(before)).then_some(before)
}

async fn sightings(ledger: &Ledger, key: &Key) -> UpstreamSightings {
    let sightings = ledger.upstream_sightings(&key.0, &key.1).await;
    sightings.unwrap_or_else(|error| {
        tracing::error!(%error, image.digest = %key.1, "sightings not readable");
        UpstreamSightings::default()
    })
}

fn answers() -> BoundedMemory<Key, VouchingAnswer> {
    BoundedMemory::new(MAX_ANSWERS_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::UpstreamCause;

    const TTL: SignedDuration = SignedDuration::from_secs(60);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn answers_are_bounded_in_bytes_and_the_oldest_are_asked_for_again() {
        let answers = answers();
        let key = |number: u32| {
            let repository = Repository::parse("registry.corp/team/app").unwrap();
            (repository, Digest::sha256(&number.to_be_bytes()))
        };
        let answer = VouchingAnswer::given(Some(at(0)), at(0), TTL);
        for number in 0..150_000 {
            let validity = Validity::lasting(at(0), TTL);
            answers.insert(key(number), answer, validity);
        }
        assert!(answers.bytes() <= MAX_ANSWERS_BYTES);
        assert_eq!(answers.get(&key(0), at(1)), None);
        assert_eq!(answers.get(&key(149_999), at(1)), Some(answer));
        assert_eq!(answers.get(&key(149_999), at(60)), None);
    }

    #[test]
    fn only_an_outage_says_nothing_of_the_digest() {
        let digest = Digest::sha256(b"x");
        let mismatch = UpstreamError::DigestMismatch {
            expected: digest.clone(),
            actual: digest,
        };
        let unavailable = UpstreamError::Unavailable {
            cause: UpstreamCause::ServerError,
            retry_after: None,
            detail: "it answers 503".into(),
        };
        for (asked, seen) in [
            (Ok(()), Seen::Now),
            (Err(unavailable), Seen::Before),
            (
                Err(UpstreamError::RateLimited { retry_after: None }),
                Seen::Before,
            ),
            (Err(UpstreamError::NotFound), Seen::NoMore),
            (Err(UpstreamError::Unauthorized), Seen::NoMore),
            (Err(UpstreamError::Forbidden), Seen::NoMore),
            (Err(UpstreamError::UnexpectedStatus(400)), Seen::NoMore),
            (Err(mismatch), Seen::NoMore),
        ] {
            assert_eq!(Seen::by(&asked), seen, "{asked:?}");
        }
    }

    #[test]
    fn an_outage_prolongs_what_was_seen_and_not_beyond_its_bound() {
        let bound = MAX_OUTAGE.as_secs();
        for (now, until) in [
            (0, Some(60)),
            (1000, Some(1060)),
            (bound - 1, Some(bound)),
            (bound, None),
        ] {
            let answer = VouchingAnswer::given(Some(at(0)), at(now), TTL);
            assert_eq!(answer.until, until.map(at), "at {now}");
            assert_eq!(answer.seen_at, Some(at(0)), "at {now}");
        }
        assert_eq!(VouchingAnswer::given(None, at(0), TTL).until, None);
    }
}
